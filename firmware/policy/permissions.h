// Who may call what: one table. A procedure that is not in it cannot be called; a role that it does
// not list is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "firmware/policy/principal.h"

namespace twinseal::policy {

enum class Procedure : std::uint8_t {
  kCreateKey,
  kGetKey,
  kListKeys,
  kGetPublicKey,
  kRotateKey,
  kEnableKey,
  kDisableKey,
  kSetKeyPolicy,
  kScheduleKeyDestruction,
  kCancelKeyDestruction,
  kDestroyKey,
  kSign,
  kSignBatch,
  kListAuditRecords,
  kListAuditCheckpoints,
  kGetStatus,
  kIssueClientCertificate,
  kGenerateRandom,
  kBeginPairing,
  kAgreePairing,
  kReleaseDomain,
  kConcludePairing,
  kAbortPairing,
  kIssuePlaceCertificates,
  kGetPair,
  kSetMaintenance,
  kLeavePair,
  kRecoverPair,
  kReadArchive,
  kImportCertificate,
  kListCertificates,
  kRemoveCertificate,
};
inline constexpr std::size_t kProcedures =
    static_cast<std::size_t>(Procedure::kRemoveCertificate) + 1;

// A set of roles that cannot be empty: "nobody may" is said by leaving the procedure out, never by
// a set that might be read as "anybody".
class RoleSet {
 public:
  consteval RoleSet(Role first, std::initializer_list<Role> others = {}) : bits_(Bit(first)) {
    for (const Role role : others) bits_ |= Bit(role);
  }
  constexpr bool Has(Role role) const { return (bits_ & Bit(role)) != 0; }

 private:
  static constexpr unsigned Bit(Role role) { return 1U << static_cast<unsigned>(role); }
  unsigned bits_;
};

struct Permission {
  Procedure procedure;
  std::string_view name;  // "KeyService/CreateKey": the path is "/twinseal.v1." and this.
  RoleSet roles;
  bool mutates;  // Carries a request_id.
};

// The table, ordered as the enumeration.
std::span<const Permission> Permissions();
const Permission& PermissionOf(Procedure procedure);
// By the name as above ("SigningService/Sign"); nothing when there is no such procedure.
std::optional<Procedure> FindProcedure(std::string_view name);

}  // namespace twinseal::policy
