// Public keys, and the verification of signatures in software.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/spki.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace twinseal::crypto {

// Immutable; safe to use from several threads at once. Copies share the key.
class PublicKey {
 public:
  // A DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) or its PEM form; invalid_argument for anything
  // else, for bytes behind it, and for kinds of key that Twinseal does not sign with.
  static Result<PublicKey> FromDer(BytesView der);
  static Result<PublicKey> FromPem(std::string_view pem);

  // From what a PKCS#11 token gives: an EC point (without the OCTET STRING around it) or an Ed25519
  // key; invalid_argument for what is none.
  static Result<PublicKey> FromRaw(const RawPublicKey& raw);
  // Big-endian unsigned integers.
  static Result<PublicKey> FromRsa(BytesView modulus, BytesView exponent);

  v1::Algorithm algorithm() const { return algorithm_; }
  const Bytes& der() const { return der_; }
  std::string Pem() const;
  // SHA-256 of the DER form, in hexadecimal.
  std::string Fingerprint() const;

  // `digest` as CheckDigest wants it; ECDSA signatures in DER. data_loss when the signature is not
  // this key's over this digest, invalid_argument when scheme and key do not fit.
  Status Verify(v1::Scheme scheme, BytesView digest, BytesView signature) const;

 private:
  PublicKey(std::shared_ptr<EVP_PKEY> key, v1::Algorithm algorithm, Bytes der);
  static Result<PublicKey> FromKey(std::shared_ptr<EVP_PKEY> key);
  static Result<PublicKey> FromRaw(const RawPublicKey& raw, Bytes der);

  std::shared_ptr<EVP_PKEY> key_;
  v1::Algorithm algorithm_;
  Bytes der_;
};

}  // namespace twinseal::crypto
