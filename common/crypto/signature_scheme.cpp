#include "common/crypto/signature_scheme.h"

#include <string>

#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace twinseal::crypto {

bool SetSignatureScheme(EVP_PKEY_CTX* context, const SchemeInfo& scheme) {
  const EVP_MD* const hash = EVP_get_digestbyname(std::string(scheme.hash).c_str());
  if (hash == nullptr || EVP_PKEY_CTX_set_signature_md(context, hash) != 1) return false;
  switch (scheme.padding) {
    case Padding::kNone:
      return true;
    case Padding::kPkcs1:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    case Padding::kPss:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
  }
  return false;
}

}  // namespace twinseal::crypto
