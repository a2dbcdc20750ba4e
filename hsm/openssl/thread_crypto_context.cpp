#include "hsm/openssl/thread_crypto_context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

namespace twinseal::hsm {

ThreadCryptoContext::ThreadCryptoContext() {
  context_ = OSSL_LIB_CTX_new();
  if (context_ != nullptr) provider_ = OSSL_PROVIDER_load(context_, "default");
  if (provider_ == nullptr) {
    ERR_clear_error();
    status_ =
        Error(Code::kInternal, "OpenSSL could not give this thread a library context of its own");
    return;
  }
  previous_ = OSSL_LIB_CTX_set0_default(context_);
}

ThreadCryptoContext::~ThreadCryptoContext() {
  if (provider_ != nullptr) {
    (void)OSSL_LIB_CTX_set0_default(previous_);
    OSSL_PROVIDER_unload(provider_);
  }
  OSSL_LIB_CTX_free(context_);
}

}  // namespace twinseal::hsm
