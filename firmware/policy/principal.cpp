#include "firmware/policy/principal.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace twinseal::policy {
namespace {

struct NamedRole {
  Role role;
  v1::Role proto;
  std::string_view name;
};

constexpr std::array kRoles = {
    NamedRole{Role::kOperator, v1::OPERATOR, "operator"},
    NamedRole{Role::kAuditor, v1::AUDITOR, "auditor"},
    NamedRole{Role::kApplication, v1::APPLICATION, "application"},
    NamedRole{Role::kAgent, v1::AGENT, "agent"},
    NamedRole{Role::kSite, v1::SITE, "site"},
};

Error NoIdentity(std::string_view why) {
  return Error(
      Code::kUnauthenticated,
      fmt::format("the client certificate names no caller: {}; have an operator issue one with "
                  "`twinseal client issue`",
                  why));
}

}  // namespace

std::string_view RoleName(Role role) {
  for (const NamedRole& entry : kRoles) {
    if (entry.role == role) return entry.name;
  }
  return "unknown";
}

Result<Role> RoleFromProto(v1::Role role) {
  for (const NamedRole& entry : kRoles) {
    if (entry.proto == role) return entry.role;
  }
  return Error(Code::kInvalidArgument, "role is one of OPERATOR, AUDITOR, APPLICATION and AGENT");
}

Result<Principal> Principal::FromUri(std::string_view uri) {
  if (!uri.starts_with(kUriPrefix)) {
    return NoIdentity("its alternative name does not begin with \"twinseal:\"");
  }
  uri.remove_prefix(kUriPrefix.size());
  const std::size_t slash = uri.find('/');
  if (slash == std::string_view::npos) return NoIdentity("there is no name after the role");
  const std::string_view role = uri.substr(0, slash);
  for (const NamedRole& entry : kRoles) {
    if (entry.name != role) continue;
    Result<KeyName> name = KeyName::Parse(uri.substr(slash + 1));
    if (!name.ok()) return NoIdentity("the name after the role is not well-formed");
    return Principal(entry.role, std::move(name).value());
  }
  return NoIdentity("its role is none of operator, auditor, application, agent and site");
}

Result<Principal> Principal::Make(v1::Role role, std::string_view name) {
  TWINSEAL_ASSIGN_OR_RETURN(const Role known, RoleFromProto(role));
  Result<KeyName> parsed = KeyName::Parse(name);
  if (!parsed.ok()) {
    return Error(
        Code::kInvalidArgument,
        "name: it has the form of a key name: 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning "
        "with a letter or a digit");
  }
  return Principal(known, std::move(parsed).value());
}

std::string Principal::Uri() const { return fmt::format("{}{}", kUriPrefix, Text()); }

std::string Principal::Text() const { return fmt::format("{}/{}", RoleName(role_), name()); }

}  // namespace twinseal::policy
