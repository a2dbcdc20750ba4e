#include <gmock/gmock.h>

#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"
#include "firmware/service/handlers/audit_handlers.h"
#include "firmware/service/handlers/key_handlers.h"
#include "firmware/service/operator_ca/client_certificates.h"
#include "firmware/service/operator_ca/tls_identity.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KeyHandlersTest : public ServiceFixture {
 protected:
  template <typename Answer, typename Message>
  Result<Answer> Do(void (KeyHandlers::*method)(Call<Message>, Respond<Answer>), Message message,
                    const policy::Principal& who) {
    return Ask<Answer>(
        [&](auto respond) { (handlers.*method)(Calling(who, std::move(message)), respond); });
  }

  static v1::CreateKeyRequest NewKey(const std::string& name, const std::string& request_id) {
    v1::CreateKeyRequest request;
    request.set_request_id(request_id);
    request.set_name(name);
    request.set_algorithm(v1::EC_P256);
    request.mutable_policy()->add_applications("builder");
    request.mutable_policy()->set_min_destruction_wait_seconds(0);
    return request;
  }
  static v1::ChangeKeyRequest OfKey(const std::string& key, const std::string& request_id) {
    v1::ChangeKeyRequest request;
    request.set_request_id(request_id);
    request.set_key(key);
    return request;
  }

  const policy::Principal alice = Who(v1::OPERATOR, "alice");
  const policy::Principal eve = Who(v1::AUDITOR, "eve");
  const policy::Principal builder = Who(v1::APPLICATION, "builder");
  KeyHandlers handlers{gate, directory, store, [this] { return now; }};
};

TEST_F(KeyHandlersTest, AKeysWholeLifeIsRecorded) {
  const Result<v1::Key> made = Do(&KeyHandlers::CreateKey, NewKey("k", "request-1"), alice);
  ASSERT_TRUE(made.ok()) << made.error().Describe();
  EXPECT_TRUE(Do(&KeyHandlers::RotateKey, OfKey("k", "request-2"), alice).ok());
  EXPECT_TRUE(Do(&KeyHandlers::DisableKey, OfKey("k", "request-3"), alice).ok());
  EXPECT_TRUE(Do(&KeyHandlers::EnableKey, OfKey(made->key_id(), "request-4"), alice).ok());
  v1::SetKeyPolicyRequest policy;
  policy.set_request_id("request-5");
  policy.set_key("k");
  policy.mutable_policy()->set_min_destruction_wait_seconds(0);
  EXPECT_TRUE(Do(&KeyHandlers::SetKeyPolicy, policy, alice).ok());
  v1::ScheduleKeyDestructionRequest schedule;
  schedule.set_request_id("request-6");
  schedule.set_key("k");
  schedule.set_wait_seconds(0);
  EXPECT_TRUE(Do(&KeyHandlers::ScheduleKeyDestruction, schedule, alice).ok());
  EXPECT_TRUE(Do(&KeyHandlers::CancelKeyDestruction, OfKey("k", "request-7"), alice).ok());
  schedule.set_request_id("request-8");
  EXPECT_TRUE(Do(&KeyHandlers::ScheduleKeyDestruction, schedule, alice).ok());
  const Result<v1::Key> destroyed = Do(&KeyHandlers::DestroyKey, OfKey("k", "request-9"), alice);
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().Describe();
  EXPECT_EQ(destroyed->state(), v1::DESTROYED);

  std::vector<std::string> operations;
  for (const v1::AuditRecord& record : Records()) {
    operations.push_back(record.operation());
    EXPECT_EQ(record.outcome(), "ok");
    EXPECT_EQ(record.key_id(), made->key_id());
    EXPECT_EQ(record.request_id(), "request-" + std::to_string(record.sequence() + 1));
  }
  EXPECT_THAT(operations,
              ElementsAre("KeyService/CreateKey", "KeyService/RotateKey", "KeyService/DisableKey",
                          "KeyService/EnableKey", "KeyService/SetKeyPolicy",
                          "KeyService/ScheduleKeyDestruction", "KeyService/CancelKeyDestruction",
                          "KeyService/ScheduleKeyDestruction", "KeyService/DestroyKey"));
}

TEST_F(KeyHandlersTest, OnlyOperatorsChangeKeys) {
  ASSERT_TRUE(Do(&KeyHandlers::CreateKey, NewKey("k", "request-1"), alice).ok());
  for (const policy::Principal& who : {eve, builder}) {
    EXPECT_EQ(Do(&KeyHandlers::CreateKey, NewKey("mine", "request-2"), who).error().code(),
              Code::kPermissionDenied);
    EXPECT_EQ(Do(&KeyHandlers::DisableKey, OfKey("k", "request-3"), who).error().code(),
              Code::kPermissionDenied);
  }
  EXPECT_EQ(Records().size(), 5U);
  EXPECT_EQ(Records()[4].outcome(), "permission_denied");
  EXPECT_EQ(Records()[4].caller_role(), "application");
}

TEST_F(KeyHandlersTest, NeedsARequestId) {
  const Result<v1::Key> refused = Do(&KeyHandlers::CreateKey, NewKey("k", ""), alice);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("request_id"));
}

TEST_F(KeyHandlersTest, TheAppliancesOwnKeysAreVisibleAndNotChanged) {
  MakeKey("twinseal.operator-ca");
  v1::GetKeyRequest get;
  get.set_key("twinseal.operator-ca");
  EXPECT_TRUE(Do(&KeyHandlers::GetKey, get, eve).ok());
  EXPECT_EQ(Do(&KeyHandlers::DisableKey, OfKey("twinseal.operator-ca", "request-1"), alice)
                .error()
                .code(),
            Code::kPermissionDenied);
}

TEST_F(KeyHandlersTest, ListsInPagesWhatTheCallerMaySee) {
  for (const char* name : {"c", "a", "b"}) MakeKey(name);
  ASSERT_TRUE(Do(&KeyHandlers::CreateKey, NewKey("d", "request-1"), alice).ok());
  v1::ListKeysRequest list;
  list.set_page_size(3);
  Result<v1::ListKeysResponse> page = Do(&KeyHandlers::ListKeys, list, alice);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->keys_size(), 3);
  EXPECT_EQ(page->keys(0).name(), "a");
  list.set_page_token(page->next_page_token());
  page = Do(&KeyHandlers::ListKeys, list, alice);
  ASSERT_EQ(page->keys_size(), 1);
  EXPECT_EQ(page->keys(0).name(), "d");
  EXPECT_TRUE(page->next_page_token().empty());
  page = Do(&KeyHandlers::ListKeys, v1::ListKeysRequest(), builder);
  ASSERT_EQ(page->keys_size(), 1);
  EXPECT_EQ(page->keys(0).name(), "d");
  list.set_page_size(1001);
  EXPECT_THAT(Do(&KeyHandlers::ListKeys, list, alice).error().message(), HasSubstr("page_size"));
  list.set_page_size(1);
  list.set_page_token("../x");
  EXPECT_THAT(Do(&KeyHandlers::ListKeys, list, alice).error().message(), HasSubstr("page_token"));
}

TEST_F(KeyHandlersTest, GivesThePublicKeyOfAnyVersion) {
  const v1::Key key = MakeKey("k");
  ASSERT_TRUE(Do(&KeyHandlers::RotateKey, OfKey("k", "request-1"), alice).ok());
  v1::GetPublicKeyRequest get;
  get.set_key("k");
  EXPECT_EQ(Do(&KeyHandlers::GetPublicKey, get, eve)->version(), 2U);
  get.set_version(1);
  const Result<v1::GetPublicKeyResponse> first = Do(&KeyHandlers::GetPublicKey, get, eve);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ToString(crypto::PublicKey::FromPem(first->public_key_pem())->der()),
            key.versions(0).public_key_der());
  get.set_version(3);
  EXPECT_EQ(Do(&KeyHandlers::GetPublicKey, get, eve).error().code(), Code::kNotFound);
}

class OwnKeysTest : public ServiceFixture {
 protected:
  OwnKeysTest() {
    MakeKey("twinseal.operator-ca");
    MakeKey("twinseal.audit.a");
  }

  OwnKey OfCa() { return {directory, store, core, "twinseal.operator-ca"}; }

  crypto::UnixTime clock{std::chrono::seconds(1'800'000'000)};
  OperatorCa ca{OfCa(), [this] { return clock; }};
};

TEST_F(OwnKeysTest, TheOperatorCaIssuesForItsRolesAndIsFoundAgain) {
  EXPECT_EQ(ca.Load(ledger).error().code(), Code::kFailedPrecondition);
  ASSERT_TRUE(ca.Establish(ledger, Soon()).ok());
  OperatorCa again(OfCa(), [this] { return clock; });
  ASSERT_TRUE(again.Establish(ledger, Soon()).ok());
  EXPECT_EQ(again.certificate().der(), ca.certificate().der());

  const auto key = crypto::SoftwareKey::Generate();
  const Result<crypto::Certificate> certificate =
      ca.IssueClient(Who(v1::APPLICATION, "builder"), key->public_key(), 0, Soon());
  ASSERT_TRUE(certificate.ok()) << certificate.error().Describe();
  EXPECT_THAT(certificate->uris(), ElementsAre("twinseal:application/builder"));
  EXPECT_EQ(certificate->not_after() - clock, std::chrono::hours(365 * 24));
  using crypto::Purpose;
  EXPECT_TRUE(VerifyCertificate(*certificate, {ca.certificate()}, Purpose::kTlsClient, clock).ok());
  EXPECT_FALSE(
      VerifyCertificate(*certificate, {ca.certificate()}, Purpose::kTlsServer, clock).ok());
  EXPECT_EQ(
      ca.IssueClient(Who(v1::OPERATOR, "bob"), key->public_key(), 3651, Soon()).error().code(),
      Code::kInvalidArgument);

  const Result<crypto::Certificate> server =
      ca.IssueServer("a", {"hsm.example.org", "192.0.2.1", "::1"}, key->public_key(), Soon());
  ASSERT_TRUE(server.ok()) << server.error().Describe();
  EXPECT_THAT(server->dns_names(), ElementsAre("hsm.example.org"));
  EXPECT_EQ(server->ip_addresses().size(), 2U);
  EXPECT_TRUE(VerifyCertificate(*server, {ca.certificate()}, Purpose::kTlsServer, clock).ok());
  EXPECT_FALSE(VerifyCertificate(*server, {ca.certificate()}, Purpose::kTlsClient, clock).ok());
}

TEST_F(OwnKeysTest, ARepeatedRequestGetsTheSameCertificate) {
  ASSERT_TRUE(ca.Establish(ledger, Soon()).ok());
  const auto key = crypto::SoftwareKey::Generate();
  v1::IssueClientCertificateRequest request;
  request.set_role(v1::AUDITOR);
  request.set_name("eve");
  request.set_csr_pem(crypto::CertificateRequest::Make(*key, {{"CN", "ignored"}})->Pem());
  const Mutation mutation = {"issue", RequestId::Random(), HashRequest("issue", request),
                             "operator/alice", Soon()};
  const auto first = IssueClientCertificate(ca, ledger, mutation, request, now);
  ASSERT_TRUE(first.ok()) << first.error().Describe();
  EXPECT_THAT(crypto::Certificate::FromPem(first->certificate_pem())->uris(),
              ElementsAre("twinseal:auditor/eve"));
  const auto second = IssueClientCertificate(ca, ledger, mutation, request, now);
  EXPECT_EQ(first->certificate_pem(), second->certificate_pem());

  Mutation other = {"issue", RequestId::Random(), {}, "operator/alice", Soon()};
  request.set_csr_pem("-----BEGIN NONSENSE-----");
  EXPECT_THAT(IssueClientCertificate(ca, ledger, other, request, now).error().message(),
              HasSubstr("csr_pem"));
  request.set_role(v1::ROLE_UNSPECIFIED);
  EXPECT_EQ(IssueClientCertificate(ca, ledger, other, request, now).error().code(),
            Code::kInvalidArgument);
}

TEST_F(OwnKeysTest, TheTlsCertificateIsRenewedAtHalfOfItsLife) {
  ASSERT_TRUE(ca.Establish(ledger, Soon()).ok());
  TlsIdentity identity(ca, "a", {"localhost"}, [this] { return clock; });
  EXPECT_EQ(identity.Current(), nullptr);
  ASSERT_TRUE(identity.UseProvisional().ok());
  const auto provisional = identity.Current();
  ASSERT_NE(provisional, nullptr);
  ASSERT_TRUE(identity.RenewIfDue(Soon()).ok());
  const auto first = identity.Current();
  EXPECT_NE(first, provisional);
  ASSERT_TRUE(identity.UseProvisional().ok());
  EXPECT_EQ(identity.Current(), first);
  clock += std::chrono::hours(83);
  ASSERT_TRUE(identity.RenewIfDue(Soon()).ok());
  EXPECT_EQ(identity.Current(), first);
  clock += std::chrono::hours(2);
  // A core that is away leaves the old one in use.
  vault->SetFault([](const v1::CoreRequest&) { return Error(Code::kUnavailable, "gone"); });
  EXPECT_FALSE(identity.RenewIfDue(Soon()).ok());
  EXPECT_EQ(identity.Current(), first);
  vault->SetFault(nullptr);
  ASSERT_TRUE(identity.RenewIfDue(Soon()).ok());
  EXPECT_NE(identity.Current(), first);
}

TEST_F(OwnKeysTest, AnAuditorReadsTheLogAndTheKeyThatSignsIt) {
  OwnKey key(directory, store, core, "twinseal.audit.a");
  AuditHandlers handlers(gate, *audit, key);
  const policy::Principal eve = Who(v1::AUDITOR, "eve");
  const auto records = Ask<v1::ListAuditRecordsResponse>([&](auto respond) {
    handlers.ListAuditRecords(Calling(eve, v1::ListAuditRecordsRequest()), respond);
  });
  ASSERT_TRUE(records.ok());
  // The reading itself comes into the log after it.
  EXPECT_EQ(records->tree_size(), 0U);
  EXPECT_EQ(Records().size(), 1U);
  const auto checkpoints = Ask<v1::ListAuditCheckpointsResponse>([&](auto respond) {
    handlers.ListAuditCheckpoints(Calling(eve, v1::ListAuditCheckpointsRequest()), respond);
  });
  ASSERT_TRUE(checkpoints.ok());
  EXPECT_TRUE(crypto::PublicKey::FromPem(checkpoints->public_key_pem()).ok());
  const auto refused = Ask<v1::ListAuditRecordsResponse>([&](auto respond) {
    handlers.ListAuditRecords(
        Calling(Who(v1::APPLICATION, "builder"), v1::ListAuditRecordsRequest()), respond);
  });
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace twinseal::service
