#include "agent/pkcs11/signature_input.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/digest_info.h"

namespace twinseal::pkcs11 {
namespace {

using crypto::Family;
using crypto::Padding;

constexpr std::size_t kBitsPerByte = 8;

// What the parameters of PSS say of a hash; CKG_MGF1_SHA256 and its like are not in every header
// (PKCS#11 v2.40 curr §2.1.7).
struct PssHash {
  std::string_view name;  // OpenSSL's.
  CK_ULONG size;
  CK_MECHANISM_TYPE mechanism;
  CK_RSA_PKCS_MGF_TYPE mgf;
};
constexpr std::array kPssHashes = {PssHash{"SHA256", 32, CKM_SHA256, 2UL},
                                   PssHash{"SHA384", 48, CKM_SHA384, 3UL},
                                   PssHash{"SHA512", 64, CKM_SHA512, 4UL}};

const crypto::SchemeInfo* SchemeOf(Family family, Padding padding, std::string_view hash) {
  for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
    if (scheme.family == family && scheme.padding == padding && scheme.hash == hash) return &scheme;
  }
  return nullptr;
}

// v2.40 curr §2.1.10. The salt is as long as the digest, as in all of Twinseal's schemes.
Outcome<std::string_view> CheckPss(const CK_MECHANISM& wanted, const Mechanism& mechanism) {
  if (wanted.pParameter == nullptr || wanted.ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS))
    return Failure(CKR_MECHANISM_PARAM_INVALID, "the mechanism takes CK_RSA_PKCS_PSS_PARAMS");
  const auto& parameters = *static_cast<const CK_RSA_PKCS_PSS_PARAMS*>(wanted.pParameter);
  const auto hash = std::ranges::find(kPssHashes, parameters.hashAlg, &PssHash::mechanism);
  if (hash == kPssHashes.end() || parameters.mgf != hash->mgf || parameters.sLen != hash->size ||
      (!mechanism.hash.empty() && mechanism.hash != hash->name)) {
    return Failure(CKR_MECHANISM_PARAM_INVALID,
                   "PSS is signed with one hash of SHA-256, SHA-384 and SHA-512 throughout, and a "
                   "salt as long as its digest");
  }
  return hash->name;
}

// PKCS#11 v3.0 curr §2.3.5.
struct EddsaParameters {
  CK_BBOOL prehash;
  CK_ULONG context_size;
  CK_BYTE* context;
};

Outcome<std::string_view> CheckParameters(const CK_MECHANISM& wanted, const Mechanism& mechanism) {
  if (mechanism.padding == Padding::kPss) return CheckPss(wanted, mechanism);
  if (wanted.ulParameterLen == 0) return std::string_view();
  if (mechanism.type == CKM_EDDSA && wanted.pParameter != nullptr &&
      wanted.ulParameterLen == sizeof(EddsaParameters)) {
    const auto& parameters = *static_cast<const EddsaParameters*>(wanted.pParameter);
    if (parameters.prehash == CK_FALSE && parameters.context_size == 0) return std::string_view();
  }
  return Failure(CKR_MECHANISM_PARAM_INVALID, "the mechanism takes no parameters");
}

// The most that an application brings for a mechanism that does not hash.
std::size_t LongestData(const Mechanism& mechanism) {
  return mechanism.family == Family::kEd25519 ? crypto::kMaxPureMessage : 128;
}

}  // namespace

Outcome<SignatureInput> SignatureInput::Begin(const CK_MECHANISM& wanted, v1::Algorithm algorithm) {
  const Mechanism* const mechanism = FindMechanism(wanted.mechanism);
  if (mechanism == nullptr || mechanism->use != Mechanism::Use::kSign)
    return Failure(CKR_MECHANISM_INVALID);
  if (mechanism->family != crypto::Find(algorithm)->family)
    return Failure(CKR_KEY_TYPE_INCONSISTENT);
  TWINSEAL_ASSIGN_OR_RETURN(const std::string_view pss_hash, CheckParameters(wanted, *mechanism));
  std::optional<crypto::Hasher> hasher;
  if (!mechanism->hash.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(hasher, crypto::Hasher::Create(mechanism->hash));
  }
  return SignatureInput(*mechanism, algorithm, pss_hash, std::move(hasher));
}

Done SignatureInput::Update(BytesView data) {
  if (hasher_) {
    hasher_->Update(data);
    return {};
  }
  if (data.size() > LongestData(*mechanism_) - data_.size()) return Failure(CKR_DATA_LEN_RANGE);
  data_.insert(data_.end(), data.begin(), data.end());
  return {};
}

Outcome<Prepared> SignatureInput::Finish() {
  switch (mechanism_->family) {
    case Family::kEd25519:
      return Prepared{v1::ED25519_PURE, std::move(data_)};
    case Family::kEcdsa:
      return FinishEcdsa(hasher_ ? hasher_->Finish() : std::move(data_));
    case Family::kRsa:
      break;
  }
  if (hasher_) return FinishRsa(mechanism_->hash, hasher_->Finish());
  if (mechanism_->padding == Padding::kPss) return FinishRsa(pss_hash_, std::move(data_));
  return FinishDigestInfo();
}

// FIPS 186-5 §6.4: of a digest that is longer than the curve's order, the leftmost bits count; one
// that is shorter is a number that is smaller, which zeros in front do not change.
Outcome<Prepared> SignatureInput::FinishEcdsa(Bytes digest) const {
  const std::size_t order = (static_cast<std::size_t>(algorithm_->bits) + 7) / kBitsPerByte;
  if (digest.size() > order) digest.resize(order);
  for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
    if (!crypto::Fits(scheme, *algorithm_)) continue;
    if (digest.empty() || digest.size() > scheme.digest_size) continue;
    digest.insert(digest.begin(), scheme.digest_size - digest.size(), 0);
    return Prepared{scheme.id, std::move(digest)};
  }
  return Failure(CKR_DATA_LEN_RANGE,
                 fmt::format("a digest of {} bytes cannot be signed", digest.size()));
}

Outcome<Prepared> SignatureInput::FinishDigestInfo() const {
  for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
    if (scheme.padding != Padding::kPkcs1) continue;
    const Bytes prefix = crypto::DigestInfoPrefix(scheme);
    const BytesView data = data_;
    if (data.size() != prefix.size() + scheme.digest_size ||
        !std::ranges::equal(prefix, data.first(prefix.size()))) {
      continue;
    }
    return Prepared{scheme.id, ToBytes(AsText(data.subspan(prefix.size())))};
  }
  return Failure(CKR_DATA_INVALID,
                 "CKM_RSA_PKCS signs the DigestInfo of SHA-1, SHA-256, SHA-384 or SHA-512 alone");
}

Outcome<Prepared> SignatureInput::FinishRsa(std::string_view hash, Bytes digest) const {
  const crypto::SchemeInfo& scheme = *SchemeOf(Family::kRsa, mechanism_->padding, hash);
  if (digest.size() != scheme.digest_size) return Failure(CKR_DATA_LEN_RANGE);
  return Prepared{scheme.id, std::move(digest)};
}

}  // namespace twinseal::pkcs11
