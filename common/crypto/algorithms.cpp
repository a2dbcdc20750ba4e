#include "common/crypto/algorithms.h"

#include <array>
#include <string>

#include <fmt/format.h>

namespace twinseal::crypto {
namespace {

constexpr std::array kAlgorithms = {
    AlgorithmInfo{v1::EC_P256, "ec-p256", Family::kEcdsa, 256, "P-256", v1::ECDSA_SHA256},
    AlgorithmInfo{v1::EC_P384, "ec-p384", Family::kEcdsa, 384, "P-384", v1::ECDSA_SHA384},
    AlgorithmInfo{v1::EC_P521, "ec-p521", Family::kEcdsa, 521, "P-521", v1::ECDSA_SHA512},
    AlgorithmInfo{v1::RSA_2048, "rsa-2048", Family::kRsa, 2048, "", v1::RSA_PKCS1_SHA256},
    AlgorithmInfo{v1::RSA_3072, "rsa-3072", Family::kRsa, 3072, "", v1::RSA_PKCS1_SHA256},
    AlgorithmInfo{v1::RSA_4096, "rsa-4096", Family::kRsa, 4096, "", v1::RSA_PKCS1_SHA256},
    AlgorithmInfo{v1::ED25519, "ed25519", Family::kEd25519, 256, "ED25519", v1::ED25519_PURE},
};

constexpr std::array kSchemes = {
    SchemeInfo{v1::ECDSA_SHA256, "ecdsa-sha256", Family::kEcdsa, Padding::kNone, "SHA256", 32},
    SchemeInfo{v1::ECDSA_SHA384, "ecdsa-sha384", Family::kEcdsa, Padding::kNone, "SHA384", 48},
    SchemeInfo{v1::ECDSA_SHA512, "ecdsa-sha512", Family::kEcdsa, Padding::kNone, "SHA512", 64},
    SchemeInfo{v1::RSA_PKCS1_SHA1, "rsa-pkcs1-sha1", Family::kRsa, Padding::kPkcs1, "SHA1", 20},
    SchemeInfo{v1::RSA_PKCS1_SHA256, "rsa-pkcs1-sha256", Family::kRsa, Padding::kPkcs1, "SHA256",
               32},
    SchemeInfo{v1::RSA_PKCS1_SHA384, "rsa-pkcs1-sha384", Family::kRsa, Padding::kPkcs1, "SHA384",
               48},
    SchemeInfo{v1::RSA_PKCS1_SHA512, "rsa-pkcs1-sha512", Family::kRsa, Padding::kPkcs1, "SHA512",
               64},
    SchemeInfo{v1::RSA_PSS_SHA256, "rsa-pss-sha256", Family::kRsa, Padding::kPss, "SHA256", 32},
    SchemeInfo{v1::RSA_PSS_SHA384, "rsa-pss-sha384", Family::kRsa, Padding::kPss, "SHA384", 48},
    SchemeInfo{v1::RSA_PSS_SHA512, "rsa-pss-sha512", Family::kRsa, Padding::kPss, "SHA512", 64},
    SchemeInfo{v1::ED25519_PURE, "ed25519", Family::kEd25519, Padding::kNone, "", 0},
};

template <typename Table, typename Id>
auto FindIn(const Table& table, Id id) -> decltype(table.data()) {
  for (const auto& entry : table) {
    if (entry.id == id) return &entry;
  }
  return nullptr;
}

template <typename Table>
Error NoSuchName(std::string_view what, std::string_view name, const Table& table) {
  std::string known;
  for (const auto& entry : table)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", entry.name);
  constexpr std::size_t kShown = 32;
  return Error(Code::kInvalidArgument, fmt::format("there is no {} '{}'; there are {}", what,
                                                   name.substr(0, kShown), known));
}

template <typename Table>
auto ParseIn(std::string_view what, std::string_view name, const Table& table)
    -> Result<decltype(table.front().id)> {
  for (const auto& entry : table) {
    if (entry.name == name) return entry.id;
  }
  return NoSuchName(what, name, table);
}

}  // namespace

std::span<const AlgorithmInfo> Algorithms() { return kAlgorithms; }
std::span<const SchemeInfo> Schemes() { return kSchemes; }

const AlgorithmInfo* Find(v1::Algorithm algorithm) { return FindIn(kAlgorithms, algorithm); }
const SchemeInfo* Find(v1::Scheme scheme) { return FindIn(kSchemes, scheme); }

Result<v1::Algorithm> ParseAlgorithm(std::string_view name) {
  return ParseIn("algorithm", name, kAlgorithms);
}
Result<v1::Scheme> ParseScheme(std::string_view name) { return ParseIn("scheme", name, kSchemes); }

std::string_view Name(v1::Algorithm algorithm) {
  const AlgorithmInfo* const info = Find(algorithm);
  return info == nullptr ? "unspecified" : info->name;
}

std::string_view Name(v1::Scheme scheme) {
  const SchemeInfo* const info = Find(scheme);
  return info == nullptr ? "unspecified" : info->name;
}

bool Fits(const SchemeInfo& scheme, const AlgorithmInfo& algorithm) {
  if (scheme.family != algorithm.family) return false;
  if (scheme.family != Family::kEcdsa) return true;
  constexpr int kBitsPerByte = 8;
  return static_cast<int>(scheme.digest_size) * kBitsPerByte <= algorithm.bits;
}

Status CheckDigest(const SchemeInfo& scheme, std::size_t digest_size) {
  if (scheme.digest_size == 0) {
    if (digest_size <= kMaxPureMessage) return Ok();
    return Error(
        Code::kInvalidArgument,
        fmt::format("digest: {} signs the message itself, of at most {} bytes; {} were given",
                    scheme.name, kMaxPureMessage, digest_size));
  }
  if (digest_size == scheme.digest_size) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("digest: {} signs a digest of {} bytes; {} were given", scheme.name,
                           scheme.digest_size, digest_size));
}

}  // namespace twinseal::crypto
