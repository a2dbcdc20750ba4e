#include "hsm/pkcs11/mechanism.h"

#include <algorithm>

#include <fmt/format.h>

namespace twinseal::hsm {

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
    case Parameter::kIv:
      return {type_, iv_.data(), iv_.size()};
    case Parameter::kNone:
      break;
  }
  return {type_, nullptr, 0};
}

std::string MechanismName(CK_MECHANISM_TYPE type) {
  switch (type) {
#define NAME(mechanism) \
  case mechanism:       \
    return #mechanism
    NAME(CKM_RSA_PKCS_KEY_PAIR_GEN);
    NAME(CKM_RSA_PKCS);
    NAME(CKM_RSA_PKCS_PSS);
    NAME(CKM_RSA_PKCS_OAEP);
    NAME(CKM_EC_KEY_PAIR_GEN);
    NAME(CKM_ECDSA);
    NAME(CKM_EC_EDWARDS_KEY_PAIR_GEN);
    NAME(CKM_EDDSA);
    NAME(CKM_AES_KEY_GEN);
    NAME(CKM_AES_KEY_WRAP);
    NAME(CKM_AES_KEY_WRAP_PAD);
    NAME(CKM_AES_KEY_WRAP_KWP);
    NAME(CKM_AES_CBC_PAD);
    NAME(CKM_GENERIC_SECRET_KEY_GEN);
    NAME(CKM_SHA256_HMAC);
    NAME(CKM_SHA256);
    NAME(CKM_SHA384);
    NAME(CKM_SHA512);
#undef NAME
    default:
      return fmt::format("CKM_0x{:08x}", type);
  }
}

}  // namespace twinseal::hsm
