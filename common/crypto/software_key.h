// A private key in this process's memory: an operator's TLS key, or the appliance's. Never a key of
// the vault.
#pragma once

#include <memory>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/crypto/public_key.h"

namespace twinseal::crypto {

// Immutable; copies share the key. Safe to use from several threads at once.
class SoftwareKey {
 public:
  // EC P-256.
  static Result<SoftwareKey> Generate();
  // PKCS#8 or the traditional form, not encrypted; invalid_argument for anything else.
  static Result<SoftwareKey> FromPem(const Secret& pem);
  // The same, encrypted. permission_denied when the passphrase does not open it.
  static Result<SoftwareKey> FromEncryptedPem(const Secret& pem, const Secret& passphrase);

  // PKCS#8 (RFC 5958), not encrypted: the caller guards the file.
  Result<Secret> Pem() const;
  const PublicKey& public_key() const { return public_key_; }
  // `digest` as CheckDigest wants it, with a scheme that fits the key; ECDSA signatures in DER.
  Result<Bytes> Sign(v1::Scheme scheme, BytesView digest) const;

  EVP_PKEY* native() const { return key_.get(); }

 private:
  static Result<SoftwareKey> FromKey(std::shared_ptr<EVP_PKEY> key);
  SoftwareKey(std::shared_ptr<EVP_PKEY> key, PublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}

  std::shared_ptr<EVP_PKEY> key_;
  PublicKey public_key_;
};

}  // namespace twinseal::crypto
