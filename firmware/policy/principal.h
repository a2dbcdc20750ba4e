// Who calls: a role and a name, taken from the client certificate that TLS has checked.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/types.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::policy {

enum class Role : std::uint8_t {
  kOperator = 1,     // Makes and changes keys, issues client certificates, signs with any key but
                     // reserved ones.
  kAuditor = 2,      // Reads keys, status and the audit log.
  kApplication = 3,  // Signs with the keys that name it.
  kAgent = 4,        // The pair's witness: sees how the sites are.
  kSite = 5,         // Another appliance of the pair.
};

// "operator", "auditor", "application", "agent", "site".
std::string_view RoleName(Role role);
// invalid_argument for ROLE_UNSPECIFIED and for numbers that are no role.
Result<Role> RoleFromProto(v1::Role role);

class Principal {
 public:
  // What a certificate's URI subject alternative name begins with.
  static constexpr std::string_view kUriPrefix = "twinseal:";

  Principal(Role role, KeyName name) : role_(role), name_(std::move(name)) {}

  // From the URI "twinseal:<role>/<name>". unauthenticated when it has another form.
  static Result<Principal> FromUri(std::string_view uri);
  // The role and the name that a certificate is to be issued for. invalid_argument names the field
  // that is wrong.
  static Result<Principal> Make(v1::Role role, std::string_view name);

  Role role() const { return role_; }
  // Has the form of a key name; it is what key policies name.
  const std::string& name() const { return name_.text(); }
  // "twinseal:application/build-server"
  std::string Uri() const;
  // "application/build-server": for logs and for the core's fairness between callers.
  std::string Text() const;

  friend auto operator<=>(const Principal&, const Principal&) = default;

 private:
  Role role_;
  KeyName name_;
};

}  // namespace twinseal::policy
