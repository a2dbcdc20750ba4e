#include "firmware/policy/authorize.h"

#include <string>

#include <fmt/format.h>

#include "common/base/types.h"
#include "common/policy/in_force.h"
#include "firmware/policy/key_policy.h"

namespace twinseal::policy {
namespace {

std::string_view Verb(KeyAction action) {
  switch (action) {
    case KeyAction::kRead:
      return "read";
    case KeyAction::kUse:
      return "sign with";
    case KeyAction::kChange:
      return "change";
  }
  return "touch";
}

// What a role may do to keys that are not reserved; an application besides only to those that name
// it.
bool RoleMay(KeyAction action, Role role) {
  switch (action) {
    case KeyAction::kRead:
      return role == Role::kOperator || role == Role::kAuditor || role == Role::kApplication;
    case KeyAction::kUse:
      return role == Role::kOperator || role == Role::kApplication;
    case KeyAction::kChange:
      return role == Role::kOperator;
  }
  return false;
}

// Who is named at no site learns nothing of the key, not even that it is there.
Error NotNamed(KeyAction action, const Principal& principal, const v1::KeyPolicy& policy,
               const SiteName& site) {
  const std::string elsewhere = SitesWhere(
      policy, [&](const InForce& there) { return NamesApplication(there, principal.name()); });
  if (!elsewhere.empty()) {
    return Error(
        Code::kPermissionDenied,
        fmt::format("{} may not {} this key at this site, '{}': the key's policy names the "
                    "application at {}; ask there, or an operator can add it here "
                    "(policy.at_sites)",
                    principal.Text(), Verb(action), site.text(), elsewhere));
  }
  return Error(
      Code::kPermissionDenied,
      fmt::format(
          "{} may not {} this key: its policy does not name the application; an operator can add "
          "it to policy.applications",
          principal.Text(), Verb(action)));
}

}  // namespace

Status CheckPermission(Procedure procedure, const Principal& principal) {
  const Permission& permission = PermissionOf(procedure);
  if (permission.roles.Has(principal.role())) return Ok();
  return Error(Code::kPermissionDenied,
               fmt::format("{} may not call {}: it is not open to the role {}", principal.Text(),
                           permission.name, RoleName(principal.role())));
}

Status CheckKeyAction(KeyAction action, const Principal& principal, const v1::Key& key,
                      const SiteName& site) {
  if (!RoleMay(action, principal.role())) {
    return Error(Code::kPermissionDenied,
                 fmt::format("{} may not {} keys: it is not open to the role {}", principal.Text(),
                             Verb(action), RoleName(principal.role())));
  }
  if (principal.role() == Role::kApplication &&
      !NamesApplication(InForceAt(key.policy(), site.text()), principal.name())) {
    return NotNamed(action, principal, key.policy(), site);
  }
  if (action != KeyAction::kRead && key.name().starts_with(KeyName::kReservedPrefix)) {
    return Error(
        Code::kPermissionDenied,
        fmt::format(
            "nobody may {} the key {}: names that begin with \"{}\" belong to the appliance",
            Verb(action), key.name(), KeyName::kReservedPrefix));
  }
  return Ok();
}

}  // namespace twinseal::policy
