// An OpenSSL library context that reads keys quickly.
#pragma once

#include <openssl/types.h>

namespace twinseal::hsm {

// To read one private key, OpenSSL 3.0 weighs every decoder of its providers against every other.
// With the 40 of the default provider that takes half a millisecond, most of a software token's
// C_UnwrapKey. In this context there is the default provider with three kinds of decoders left: for
// EC, RSA and Ed25519 keys in DER, as PrivateKeyInfo (RFC 5208) or SubjectPublicKeyInfo (RFC 5280
// §4.1.2.7). All else is as ever (docs/decisions/0001-one-openssl-context-a-worker.md).
//
// Made, used and destroyed on one thread, one at a time.
class LeanContext {
 public:
  LeanContext();
  ~LeanContext();

  LeanContext(const LeanContext&) = delete;
  LeanContext& operator=(const LeanContext&) = delete;

  // Null when OpenSSL could not give one.
  OSSL_LIB_CTX* get() const { return usable_ ? context_ : nullptr; }

 private:
  OSSL_LIB_CTX* whole_context_ = nullptr;  // Where the default provider is loaded as it is.
  OSSL_PROVIDER* whole_ = nullptr;
  OSSL_PROVIDER* alias_ = nullptr;  // The lean one, there.
  OSSL_LIB_CTX* context_ = nullptr;
  OSSL_PROVIDER* provider_ = nullptr;
  bool usable_ = false;
};

}  // namespace twinseal::hsm
