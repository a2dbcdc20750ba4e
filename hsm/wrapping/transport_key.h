// Carrying a secret key from one HSM into another: wrapped in the one under the public half of a
// key pair whose private half never leaves the other.
//
// CKM_RSA_PKCS_OAEP with SHA-1 and MGF1-SHA-1, because that is all that SoftHSM 2.6.1 takes, and
// every other HSM takes it too. The ways in which SHA-1 is broken are collisions, and OAEP rests on
// none: its proof (Fujisaki, Okamoto, Pointcheval, Stern 2001) wants the two functions to look
// random on inputs that the attacker does not choose together, and the label that is hashed is
// empty and fixed. NIST SP 800-131A rev. 2 forbids SHA-1 where collisions matter, which is
// signatures, and allows it elsewhere.
#pragma once

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/key_kinds.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::hsm {

// RSA: 128 bits of strength (NIST SP 800-57 part 1 rev. 5, table 2), public exponent 65537.
inline constexpr KeyKind kTransportKeyKind = KeyKind::kRsa3072;

// A pair of token objects. The private key is sensitive, not extractable, and may unwrap keys and
// do nothing else: what was wrapped for it can never be decrypted into plaintext. unimplemented,
// naming the mechanism, when the token cannot do it. The modulus and exponent: ReadPublicValue.
Result<KeyPair> GenerateTransportPair(Session& session, std::string_view label, BytesView id);

// Another HSM's public transport key, as a session object that may wrap keys and nothing else.
// Big-endian unsigned integers.
Result<ObjectHandle> ImportTransportKey(Session& session, BytesView modulus, BytesView exponent);

// `key`, which must be extractable, wrapped inside the HSM. Other bytes each time. unimplemented,
// naming the mechanism, when the token cannot do it.
Result<Bytes> WrapForTransport(Session& session, Object public_key, Object key);

// The key comes back as `key` says, as an object that is destroyed with its handle. data_loss when
// the bytes were not wrapped under this pair's public key or were changed since. Who wrapped them
// is not known by that: anyone who has the public key can.
Result<ObjectHandle> UnwrapTransported(Session& session, Object private_key, BytesView wrapped,
                                       Template key);

}  // namespace twinseal::hsm
