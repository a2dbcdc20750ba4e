#include "firmware/core/pairing/derived_secret.h"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/core/keys/binding.h"

namespace twinseal::core {
namespace {

constexpr std::string_view kPrefix("twinseal derived secret\0", 24);  // With the NUL at its end.

bool MayStandInAPurpose(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-';
}

Status CheckPurpose(std::string_view purpose) {
  if (!purpose.empty() && purpose.size() <= kMaxPurposeBytes &&
      std::ranges::all_of(purpose, MayStandInAPurpose)) {
    return Ok();
  }
  return Error(Code::kInvalidArgument,
               fmt::format("derive_secret.purpose: it has 1 to {} lower-case letters, digits and "
                           "hyphens",
                           kMaxPurposeBytes));
}

}  // namespace

Result<Secret> DeriveSecret(hsm::Session& session, std::string_view purpose) {
  TWINSEAL_RETURN_IF_ERROR(CheckPurpose(purpose));
  TWINSEAL_ASSIGN_OR_RETURN(const DomainKeys keys, FindDomainKeys(session));
  Bytes statement = ToBytes(kPrefix);
  statement.insert(statement.end(), purpose.begin(), purpose.end());
  TWINSEAL_ASSIGN_OR_RETURN(Bytes mac, Hmac(session, keys.binding_key, statement));
  Secret secret(mac);
  Scrub(mac);
  return secret;
}

}  // namespace twinseal::core
