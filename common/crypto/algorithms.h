// The algorithms and schemes that Twinseal knows: one table each, which everything else asks.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::crypto {

enum class Family { kEcdsa, kRsa, kEd25519 };

struct AlgorithmInfo {
  v1::Algorithm id;
  std::string_view name;  // "ec-p256", as a user types it.
  Family family;
  int bits;                // Of the curve's order or the modulus.
  std::string_view curve;  // OpenSSL's name of the curve; empty for RSA.
  v1::Scheme usual_scheme;
};

enum class Padding { kNone, kPkcs1, kPss };

struct SchemeInfo {
  v1::Scheme id;
  std::string_view name;  // "rsa-pss-sha256"
  Family family;
  Padding padding;
  std::string_view hash;    // OpenSSL's name; empty when the scheme takes the message itself.
  std::size_t digest_size;  // Bytes; 0 when the scheme takes the message itself.
};

std::span<const AlgorithmInfo> Algorithms();
std::span<const SchemeInfo> Schemes();

// Nothing of these is null for a valid enumerator; null for UNSPECIFIED and for numbers of a newer
// contract.
const AlgorithmInfo* Find(v1::Algorithm algorithm);
const SchemeInfo* Find(v1::Scheme scheme);

// invalid_argument that lists the names there are.
Result<v1::Algorithm> ParseAlgorithm(std::string_view name);
Result<v1::Scheme> ParseScheme(std::string_view name);

// "unspecified" for what Find does not know.
std::string_view Name(v1::Algorithm algorithm);
std::string_view Name(v1::Scheme scheme);

// The families agree, and an ECDSA digest is not longer than the curve's order (FIPS 186-5 §6.4
// would cut it).
bool Fits(const SchemeInfo& scheme, const AlgorithmInfo& algorithm);

// The message of an Ed25519 signature is sent whole; this is the most that one may have, in bytes.
inline constexpr std::size_t kMaxPureMessage = 65'536;

// invalid_argument when `digest` is not what the scheme signs: a digest of its length, or a message
// within the limit.
Status CheckDigest(const SchemeInfo& scheme, std::size_t digest_size);

}  // namespace twinseal::crypto
