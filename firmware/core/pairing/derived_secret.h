// Secrets that every site of a domain has, and nobody else.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

inline constexpr std::size_t kMaxPurposeBytes = 64;

// 32 bytes: HMAC-SHA-256 of the HSM's, by the binding key over "twinseal derived secret", NUL and
// the purpose. A purpose has 1 to 64 lower-case letters, digits and hyphens; invalid_argument
// otherwise. No secret tells anything of another, or of the binding key.
Result<Secret> DeriveSecret(hsm::Session& session, std::string_view purpose);

}  // namespace twinseal::core
