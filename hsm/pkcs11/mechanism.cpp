#include "hsm/pkcs11/mechanism.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

struct Named {
  CK_MECHANISM_TYPE type;
  std::string_view name;
};

// Those that this layer uses.
constexpr std::array kNames = {
#define ROW(mechanism) \
  Named { mechanism, #mechanism }
    ROW(CKM_RSA_PKCS_KEY_PAIR_GEN),
    ROW(CKM_RSA_PKCS),
    ROW(CKM_RSA_PKCS_PSS),
    ROW(CKM_RSA_PKCS_OAEP),
    ROW(CKM_EC_KEY_PAIR_GEN),
    ROW(CKM_ECDSA),
    ROW(CKM_EC_EDWARDS_KEY_PAIR_GEN),
    ROW(CKM_EDDSA),
    ROW(CKM_AES_KEY_GEN),
    ROW(CKM_AES_KEY_WRAP),
    ROW(CKM_AES_KEY_WRAP_PAD),
    ROW(CKM_AES_KEY_WRAP_KWP),
    ROW(CKM_AES_CBC_PAD),
    ROW(CKM_GENERIC_SECRET_KEY_GEN),
    ROW(CKM_SHA256_HMAC),
    ROW(CKM_SHA256),
    ROW(CKM_SHA384),
    ROW(CKM_SHA512),
#undef ROW
};

}  // namespace

Mechanism Mechanism::RsaPss(CK_MECHANISM_TYPE hash) {
  Mechanism mechanism(CKM_RSA_PKCS_PSS);
  mechanism.parameter_ = Parameter::kPss;
  mechanism.pss_.hashAlg = hash;
  switch (hash) {
    case CKM_SHA384:
      mechanism.pss_.mgf = CKG_MGF1_SHA384;
      mechanism.pss_.sLen = 48;
      break;
    case CKM_SHA512:
      mechanism.pss_.mgf = CKG_MGF1_SHA512;
      mechanism.pss_.sLen = 64;
      break;
    default:
      mechanism.pss_.mgf = CKG_MGF1_SHA256;
      mechanism.pss_.sLen = 32;
  }
  return mechanism;
}

Mechanism Mechanism::RsaOaepSha1() {
  Mechanism mechanism(CKM_RSA_PKCS_OAEP);
  mechanism.parameter_ = Parameter::kOaep;
  mechanism.oaep_.hashAlg = CKM_SHA_1;
  mechanism.oaep_.mgf = CKG_MGF1_SHA1;
  mechanism.oaep_.source = CKZ_DATA_SPECIFIED;
  return mechanism;
}

Mechanism Mechanism::WithIv(CK_MECHANISM_TYPE type, std::span<const std::uint8_t, kIvSize> iv) {
  Mechanism mechanism(type);
  mechanism.parameter_ = Parameter::kIv;
  std::ranges::copy(iv, mechanism.iv_.begin());
  return mechanism;
}

CK_MECHANISM Mechanism::Native() {
  switch (parameter_) {
    case Parameter::kPss:
      return {type_, &pss_, sizeof pss_};
    case Parameter::kOaep:
      return {type_, &oaep_, sizeof oaep_};
    case Parameter::kIv:
      return {type_, iv_.data(), iv_.size()};
    case Parameter::kNone:
      break;
  }
  return {type_, nullptr, 0};
}

std::string MechanismName(CK_MECHANISM_TYPE type) {
  const auto* const entry = std::ranges::find(kNames, type, &Named::type);
  return entry != kNames.end() ? std::string(entry->name) : fmt::format("CKM_0x{:08x}", type);
}

std::optional<CK_MECHANISM_TYPE> MechanismFromName(std::string_view name) {
  const auto* const entry = std::ranges::find(kNames, name, &Named::name);
  if (entry != kNames.end()) return entry->type;
  constexpr std::string_view kNumber = "CKM_0x";
  if (!name.starts_with(kNumber)) return std::nullopt;
  name.remove_prefix(kNumber.size());
  CK_MECHANISM_TYPE type = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), type, 16);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return type;
}

}  // namespace twinseal::hsm
