// What the appliance signs in its own name.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

struct IdentitySignature {
  Bytes signature;       // ECDSA P-256 with SHA-256, DER (RFC 3279 §2.2.3).
  Bytes public_key_der;  // SubjectPublicKeyInfo.
};

// Signs a SHA-256 digest with the token's identity key. What is signed, and for what purpose, is
// the caller's to put into the digest. invalid_argument when the digest has another size;
// failed_precondition when the token was not set up; data_loss when the token's signature is not
// one of its public key.
Result<IdentitySignature> SignAsIdentity(hsm::Session& session, BytesView sha256);

}  // namespace twinseal::core
