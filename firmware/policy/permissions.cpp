#include "firmware/policy/permissions.h"

#include <array>
#include <cstddef>

namespace twinseal::policy {
namespace {

constexpr RoleSet kEverybody(Role::kOperator, {Role::kAuditor, Role::kApplication});
constexpr RoleSet kOperators(Role::kOperator);
constexpr RoleSet kSigners(Role::kOperator, {Role::kApplication});
constexpr RoleSet kReviewers(Role::kOperator, {Role::kAuditor});
constexpr RoleSet kWatchers(Role::kOperator, {Role::kAuditor, Role::kAgent});
constexpr RoleSet kSites(Role::kSite);
constexpr RoleSet kPlaces(Role::kAgent, {Role::kSite});

// Reading a key is open to applications for the keys that name them alone (CheckKeyAction sees to
// that): a client needs a key's algorithm to choose a digest, and its public key to verify.
constexpr std::array kPermissions = {
    Permission{Procedure::kCreateKey, "KeyService/CreateKey", kOperators, true},
    Permission{Procedure::kGetKey, "KeyService/GetKey", kEverybody, false},
    Permission{Procedure::kListKeys, "KeyService/ListKeys", kEverybody, false},
    Permission{Procedure::kGetPublicKey, "KeyService/GetPublicKey", kEverybody, false},
    Permission{Procedure::kRotateKey, "KeyService/RotateKey", kOperators, true},
    Permission{Procedure::kEnableKey, "KeyService/EnableKey", kOperators, true},
    Permission{Procedure::kDisableKey, "KeyService/DisableKey", kOperators, true},
    Permission{Procedure::kSetKeyPolicy, "KeyService/SetKeyPolicy", kOperators, true},
    Permission{Procedure::kScheduleKeyDestruction, "KeyService/ScheduleKeyDestruction", kOperators,
               true},
    Permission{Procedure::kCancelKeyDestruction, "KeyService/CancelKeyDestruction", kOperators,
               true},
    Permission{Procedure::kDestroyKey, "KeyService/DestroyKey", kOperators, true},
    Permission{Procedure::kSign, "SigningService/Sign", kSigners, false},
    Permission{Procedure::kSignBatch, "SigningService/SignBatch", kSigners, false},
    Permission{Procedure::kListAuditRecords, "AuditService/ListAuditRecords", kReviewers, false},
    Permission{Procedure::kListAuditCheckpoints, "AuditService/ListAuditCheckpoints", kReviewers,
               false},
    Permission{Procedure::kGetStatus, "ApplianceService/GetStatus", kWatchers, false},
    Permission{Procedure::kIssueClientCertificate, "ApplianceService/IssueClientCertificate",
               kOperators, true},
    Permission{Procedure::kGenerateRandom, "ApplianceService/GenerateRandom", kSigners, false},
    Permission{Procedure::kBeginPairing, "PairingService/BeginPairing", kOperators, true},
    Permission{Procedure::kAgreePairing, "PairingService/AgreePairing", kOperators, true},
    Permission{Procedure::kReleaseDomain, "PairingService/ReleaseDomain", kOperators, true},
    Permission{Procedure::kConcludePairing, "PairingService/ConcludePairing", kOperators, true},
    Permission{Procedure::kAbortPairing, "PairingService/AbortPairing", kOperators, true},
    Permission{Procedure::kIssuePlaceCertificates, "SiteService/IssuePlaceCertificates", kPlaces,
               false},
    Permission{Procedure::kGetPair, "SiteService/GetPair", kWatchers, false},
    Permission{Procedure::kSetMaintenance, "SiteService/SetMaintenance", kOperators, true},
    Permission{Procedure::kLeavePair, "PairingService/LeavePair", kOperators, true},
    Permission{Procedure::kRecoverPair, "PairingService/RecoverPair", kOperators, true},
    Permission{Procedure::kReadArchive, "SiteService/ReadArchive", kSites, false},
    Permission{Procedure::kImportCertificate, "CertificateService/ImportCertificate", kOperators,
               true},
    Permission{Procedure::kListCertificates, "CertificateService/ListCertificates", kEverybody,
               false},
    Permission{Procedure::kRemoveCertificate, "CertificateService/RemoveCertificate", kOperators,
               true},
};

consteval bool InOrder() {
  for (std::size_t i = 0; i < kPermissions.size(); ++i) {
    if (static_cast<std::size_t>(kPermissions[i].procedure) != i) return false;
  }
  return true;
}
static_assert(kPermissions.size() == kProcedures && InOrder(),
              "PermissionOf indexes the table by the enumeration");

}  // namespace

std::span<const Permission> Permissions() { return kPermissions; }

const Permission& PermissionOf(Procedure procedure) {
  return kPermissions.at(static_cast<std::size_t>(procedure));
}

std::optional<Procedure> FindProcedure(std::string_view name) {
  for (const Permission& permission : kPermissions) {
    if (permission.name == name) return permission.procedure;
  }
  return std::nullopt;
}

}  // namespace twinseal::policy
