// The mechanisms that the module offers: one table.
#pragma once

#include <span>
#include <string_view>

#include "agent/pkcs11/cryptoki.h"
#include "common/crypto/algorithms.h"

namespace twinseal::pkcs11 {

struct Mechanism {
  enum class Use { kSign, kDigest, kKeyPair };

  CK_MECHANISM_TYPE type;
  Use use;
  crypto::Family family;    // Not of a digest.
  crypto::Padding padding;  // Of an RSA signature.
  // OpenSSL's name of the hash that the module makes; empty when the application brings what is to
  // be signed: a digest, for RSA PKCS#1 v1.5 its DigestInfo, for Ed25519 the message.
  std::string_view hash;

  // v2.40 §5.5: key sizes in bits, CKF_SIGN and the like.
  CK_MECHANISM_INFO Info() const;
};

std::span<const Mechanism> Mechanisms();
// Null for one that is not offered.
const Mechanism* FindMechanism(CK_MECHANISM_TYPE type);

}  // namespace twinseal::pkcs11
