// The whole table, said a second time: who may call what changes in two places or not at all.
#include "firmware/policy/permissions.h"

#include <map>
#include <set>
#include <string>

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/audit.pb.h"
#include "twinseal/v1/certificates.pb.h"
#include "twinseal/v1/keys.pb.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/signing.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::policy {
namespace {

std::string Roles(const RoleSet& roles) {
  std::string text;
  for (const Role role :
       {Role::kOperator, Role::kAuditor, Role::kApplication, Role::kAgent, Role::kSite}) {
    if (roles.Has(role)) text += (text.empty() ? "" : " ") + std::string(RoleName(role));
  }
  return text;
}

TEST(Permissions, AreExactlyThese) {
  const std::map<std::string, std::string> expected = {
      {"KeyService/CreateKey", "operator"},
      {"KeyService/GetKey", "operator auditor application"},
      {"KeyService/ListKeys", "operator auditor application"},
      {"KeyService/GetPublicKey", "operator auditor application"},
      {"KeyService/RotateKey", "operator"},
      {"KeyService/EnableKey", "operator"},
      {"KeyService/DisableKey", "operator"},
      {"KeyService/SetKeyPolicy", "operator"},
      {"KeyService/ScheduleKeyDestruction", "operator"},
      {"KeyService/CancelKeyDestruction", "operator"},
      {"KeyService/DestroyKey", "operator"},
      {"CertificateService/ImportCertificate", "operator"},
      {"CertificateService/ListCertificates", "operator auditor application"},
      {"CertificateService/RemoveCertificate", "operator"},
      {"SigningService/Sign", "operator application"},
      {"SigningService/SignBatch", "operator application"},
      {"AuditService/ListAuditRecords", "operator auditor"},
      {"AuditService/ListAuditCheckpoints", "operator auditor"},
      {"ApplianceService/GetStatus", "operator auditor agent"},
      {"ApplianceService/GenerateRandom", "operator application"},
      {"ApplianceService/IssueClientCertificate", "operator"},
      {"PairingService/BeginPairing", "operator"},
      {"PairingService/AgreePairing", "operator"},
      {"PairingService/ReleaseDomain", "operator"},
      {"PairingService/ConcludePairing", "operator"},
      {"PairingService/AbortPairing", "operator"},
      {"PairingService/LeavePair", "operator"},
      {"PairingService/RecoverPair", "operator"},
      {"SiteService/IssuePlaceCertificates", "agent site"},
      {"SiteService/GetPair", "operator auditor agent"},
      {"SiteService/ReadArchive", "site"},
      {"SiteService/SetMaintenance", "operator"},
  };
  std::map<std::string, std::string> table;
  for (const Permission& permission : Permissions()) {
    EXPECT_TRUE(table.emplace(permission.name, Roles(permission.roles)).second) << permission.name;
  }
  EXPECT_EQ(table, expected);
}

// What no principal's role decides: the ceremony's steps at a joiner, who knows nobody yet and goes
// by signatures, and what sites ask each other at each start and several times for each change, of
// which the audit log is to know nothing (routes.cpp lets sites alone through).
const std::set<std::string> kOutsideTheTable = {"PairingService/AnswerPairing",
                                                "PairingService/AcceptDomain",
                                                "SiteService/AwaitApplied", "SiteService/GetMark"};
// Every other procedure of the contract is in the table, and nothing else.
TEST(Permissions, CoverTheContract) {
  std::set<std::string> contract;
  std::set<std::string> mutating;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CreateKeyRequest::descriptor()->file(),
        v1::ImportCertificateRequest::descriptor()->file(), v1::SignRequest::descriptor()->file(),
        v1::ListAuditRecordsRequest::descriptor()->file(),
        v1::GetStatusRequest::descriptor()->file(), v1::PairConfig::descriptor()->file(),
        v1::GetPairRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const google::protobuf::MethodDescriptor* method = file->service(s)->method(m);
        const std::string name = method->service()->name() + "/" + method->name();
        if (kOutsideTheTable.contains(name)) continue;
        contract.insert(name);
        if (method->input_type()->FindFieldByName("request_id") != nullptr) mutating.insert(name);
      }
    }
  }
  std::set<std::string> table;
  std::set<std::string> mutating_table;
  for (const Permission& permission : Permissions()) {
    table.emplace(permission.name);
    if (permission.mutates) mutating_table.emplace(permission.name);
  }
  EXPECT_EQ(table, contract);
  EXPECT_EQ(mutating_table, mutating);
}

TEST(Permissions, AreFoundByNameAndByProcedure) {
  for (const Permission& permission : Permissions()) {
    EXPECT_EQ(FindProcedure(permission.name), permission.procedure);
    EXPECT_EQ(PermissionOf(permission.procedure).name, permission.name);
  }
  EXPECT_EQ(FindProcedure(""), std::nullopt);
  EXPECT_EQ(FindProcedure("KeyService/createkey"), std::nullopt);
  EXPECT_EQ(FindProcedure("KeyService/CreateKey/"), std::nullopt);
}

}  // namespace
}  // namespace twinseal::policy
