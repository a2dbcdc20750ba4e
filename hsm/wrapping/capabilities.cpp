#include "hsm/wrapping/capabilities.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "hsm/wrapping/prober.h"

namespace twinseal::hsm {

Result<Capabilities> Capabilities::Probe(Session& session) {
  return CapabilityProber(session).Run();
}

Status Capabilities::CheckVault(KeyKind kind) const {
  const Kind& found = kinds_[static_cast<std::size_t>(kind)];
  if (found.wrap.has_value()) return Ok();
  const std::string way_out = found.token_reason.empty() ? ": use --storage token" : "";
  return Error(Code::kUnimplemented,
               fmt::format("{} in the vault: {}{}", Info(kind).name, found.vault_reason, way_out),
               found.origin);
}

Status Capabilities::CheckToken(KeyKind kind) const {
  const Kind& found = kinds_[static_cast<std::size_t>(kind)];
  if (found.token_reason.empty()) return Ok();
  return Error(Code::kUnimplemented,
               fmt::format("{} on the token: {}", Info(kind).name, found.token_reason),
               found.origin);
}

Result<WrapMechanism> Capabilities::ForPrivateKeys(KeyKind kind) const {
  TWINSEAL_RETURN_IF_ERROR(CheckVault(kind));
  return *kinds_[static_cast<std::size_t>(kind)].wrap;
}

Result<WrapMechanism> Capabilities::ForSecretKeys() const {
  if (secret_wraps_.empty()) {
    return Error(Code::kUnimplemented,
                 fmt::format("this HSM cannot wrap AES keys ({})", secret_origin_), secret_origin_);
  }
  return secret_wraps_.front();
}

bool Capabilities::Wraps(WrapMechanism mechanism) const {
  return std::ranges::count(secret_wraps_, mechanism) > 0;
}

bool Capabilities::Wraps(WrapMechanism mechanism, KeyKind kind) const {
  return std::ranges::count(kinds_[static_cast<std::size_t>(kind)].wraps, mechanism) > 0;
}

Template Capabilities::UnwrapTemplate(KeyKind kind, BytesView public_value) const {
  Template key = UnwrappedSigningKey(kind);
  if (wants_nss_attributes_) AddNssAttributes(key, public_value);
  return key;
}

}  // namespace twinseal::hsm
