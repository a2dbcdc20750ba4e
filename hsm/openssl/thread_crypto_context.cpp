#include "hsm/openssl/thread_crypto_context.h"

#include <openssl/crypto.h>

namespace twinseal::hsm {

ThreadCryptoContext::ThreadCryptoContext() {
  if (context_.get() != nullptr) previous_ = OSSL_LIB_CTX_set0_default(context_.get());
}

ThreadCryptoContext::~ThreadCryptoContext() {
  if (context_.get() != nullptr) (void)OSSL_LIB_CTX_set0_default(previous_);
}

Status ThreadCryptoContext::status() const {
  if (context_.get() != nullptr) return Ok();
  return Error(Code::kInternal, "OpenSSL could not give this thread a library context of its own");
}

}  // namespace twinseal::hsm
