// How our algorithms and schemes are spoken with a token.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/algorithms.h"
#include "common/crypto/public_key.h"
#include "hsm/pkcs11/key_kinds.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Only for an algorithm that crypto::Find knows.
hsm::KeyKind KindOf(v1::Algorithm algorithm);

// One signature as the contract has it: ECDSA in DER (RFC 3279 §2.2.3). The scheme fits the key and
// the digest the scheme.
Result<Bytes> SignDigest(hsm::Session& session, const crypto::SchemeInfo& scheme, hsm::Object key,
                         BytesView digest);

// The public key of a pair that was just made.
Result<crypto::PublicKey> ReadPublicKey(hsm::Session& session, v1::Algorithm algorithm,
                                        hsm::Object public_key);

}  // namespace twinseal::core
