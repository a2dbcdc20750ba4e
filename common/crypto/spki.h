// The DER form of a public key of each algorithm: the same for all of its keys but for one value,
// so that it is read and written without a parser.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/base/bytes.h"
#include "common/crypto/algorithms.h"

namespace twinseal::crypto {

// 65537, that of every RSA key here.
inline constexpr std::array<std::uint8_t, 3> kRsaExponent = {0x01, 0x00, 0x01};

// What a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of one of Twinseal's algorithms holds.
struct RawPublicKey {
  v1::Algorithm algorithm = v1::ALGORITHM_UNSPECIFIED;
  // Borrowed: the uncompressed point of an EC key (RFC 5480 §2.2), the 32 bytes of an Ed25519 key
  // (RFC 8410 §4), or the modulus of an RSA key with that exponent (RFC 8017 §A.1.1).
  BytesView value;
};

// Nothing for every other form, also when it is a key's. Of the value only its first byte is
// looked at.
std::optional<RawPublicKey> ReadSpki(BytesView der);
// Nothing for a value that no key of this algorithm has, by its length and first byte.
std::optional<Bytes> WriteSpki(const RawPublicKey& key);

}  // namespace twinseal::crypto
