// A mechanism together with its parameter.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// Copyable; owns its parameter.
class Mechanism {
 public:
  static constexpr std::size_t kIvSize = 16;

  // Without a parameter.
  explicit Mechanism(CK_MECHANISM_TYPE type) : type_(type) {}

  // CKM_RSA_PKCS_PSS over a ready digest: MGF1 with the same hash, salt as long as the digest (RFC
  // 8017 §9.1). `hash` is CKM_SHA256, CKM_SHA384 or CKM_SHA512.
  static Mechanism RsaPss(CK_MECHANISM_TYPE hash);
  // CKM_RSA_PKCS_OAEP with SHA-1, MGF1 with SHA-1, and an empty label (RFC 8017 §7.1).
  static Mechanism RsaOaepSha1();
  // CBC mechanisms: exactly 16 bytes.
  static Mechanism WithIv(CK_MECHANISM_TYPE type, std::span<const std::uint8_t, kIvSize> iv);

  CK_MECHANISM_TYPE type() const { return type_; }

 private:
  friend class Session;

  // What a C_*Init function takes; valid as long as this object stays where it is.
  CK_MECHANISM Native();

  CK_MECHANISM_TYPE type_;
  CK_RSA_PKCS_PSS_PARAMS pss_{};
  CK_RSA_PKCS_OAEP_PARAMS oaep_{};
  std::array<CK_BYTE, kIvSize> iv_{};
  enum class Parameter : std::uint8_t { kNone, kPss, kOaep, kIv } parameter_ = Parameter::kNone;
};

// "CKM_AES_KEY_WRAP_PAD"; "CKM_0x80000001" for what the table does not have.
std::string MechanismName(CK_MECHANISM_TYPE type);
// The number of a name as MechanismName gives it; nothing for an unknown one.
std::optional<CK_MECHANISM_TYPE> MechanismFromName(std::string_view name);

}  // namespace twinseal::hsm
