#include "agent/pkcs11/mechanisms.h"

#include <algorithm>
#include <array>

namespace twinseal::pkcs11 {
namespace {

using crypto::Family;
using crypto::Padding;
using Use = Mechanism::Use;

// Those that hash come first: some applications try the first one that signs, with whatever data.
constexpr std::array kMechanisms = {
    Mechanism{CKM_ECDSA_SHA256, Use::kSign, Family::kEcdsa, Padding::kNone, "SHA256"},
    Mechanism{CKM_ECDSA_SHA384, Use::kSign, Family::kEcdsa, Padding::kNone, "SHA384"},
    Mechanism{CKM_ECDSA_SHA512, Use::kSign, Family::kEcdsa, Padding::kNone, "SHA512"},
    Mechanism{CKM_ECDSA, Use::kSign, Family::kEcdsa, Padding::kNone, ""},
    Mechanism{CKM_SHA256_RSA_PKCS, Use::kSign, Family::kRsa, Padding::kPkcs1, "SHA256"},
    Mechanism{CKM_SHA384_RSA_PKCS, Use::kSign, Family::kRsa, Padding::kPkcs1, "SHA384"},
    Mechanism{CKM_SHA512_RSA_PKCS, Use::kSign, Family::kRsa, Padding::kPkcs1, "SHA512"},
    Mechanism{CKM_RSA_PKCS, Use::kSign, Family::kRsa, Padding::kPkcs1, ""},
    Mechanism{CKM_SHA256_RSA_PKCS_PSS, Use::kSign, Family::kRsa, Padding::kPss, "SHA256"},
    Mechanism{CKM_SHA384_RSA_PKCS_PSS, Use::kSign, Family::kRsa, Padding::kPss, "SHA384"},
    Mechanism{CKM_SHA512_RSA_PKCS_PSS, Use::kSign, Family::kRsa, Padding::kPss, "SHA512"},
    Mechanism{CKM_RSA_PKCS_PSS, Use::kSign, Family::kRsa, Padding::kPss, ""},
    Mechanism{CKM_EDDSA, Use::kSign, Family::kEd25519, Padding::kNone, ""},
    Mechanism{CKM_EC_KEY_PAIR_GEN, Use::kKeyPair, Family::kEcdsa, Padding::kNone, ""},
    Mechanism{CKM_RSA_PKCS_KEY_PAIR_GEN, Use::kKeyPair, Family::kRsa, Padding::kNone, ""},
    Mechanism{CKM_EC_EDWARDS_KEY_PAIR_GEN, Use::kKeyPair, Family::kEd25519, Padding::kNone, ""},
    Mechanism{CKM_SHA_1, Use::kDigest, {}, Padding::kNone, "SHA1"},
    Mechanism{CKM_SHA224, Use::kDigest, {}, Padding::kNone, "SHA224"},
    Mechanism{CKM_SHA256, Use::kDigest, {}, Padding::kNone, "SHA256"},
    Mechanism{CKM_SHA384, Use::kDigest, {}, Padding::kNone, "SHA384"},
    Mechanism{CKM_SHA512, Use::kDigest, {}, Padding::kNone, "SHA512"},
};

struct Sizes {
  CK_ULONG smallest;
  CK_ULONG largest;
};

Sizes SizesOf(Family family) {
  Sizes sizes{CK_UNAVAILABLE_INFORMATION, 0};
  for (const crypto::AlgorithmInfo& algorithm : crypto::Algorithms()) {
    if (algorithm.family != family) continue;
    const auto bits = static_cast<CK_ULONG>(algorithm.bits);
    sizes = {std::min(sizes.smallest, bits), std::max(sizes.largest, bits)};
  }
  return sizes;
}

}  // namespace

CK_MECHANISM_INFO Mechanism::Info() const {
  if (use == Use::kDigest) return {0, 0, CKF_DIGEST};
  const Sizes sizes = SizesOf(family);
  CK_FLAGS flags = CKF_HW | (use == Use::kKeyPair ? CKF_GENERATE_KEY_PAIR : CKF_SIGN | CKF_VERIFY);
  if (family == Family::kEcdsa) flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
  if (family == Family::kEd25519) flags |= CKF_EC_F_P | CKF_EC_NAMEDCURVE;
  return {sizes.smallest, sizes.largest, flags};
}

std::span<const Mechanism> Mechanisms() { return kMechanisms; }

const Mechanism* FindMechanism(CK_MECHANISM_TYPE type) {
  const auto* const found = std::ranges::find(kMechanisms, type, &Mechanism::type);
  return found == kMechanisms.end() ? nullptr : found;
}

}  // namespace twinseal::pkcs11
