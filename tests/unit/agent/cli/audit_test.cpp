#include "agent/cli/commands/audit_log.h"
#include "common/audit/checkpoint.h"
#include "common/crypto/digest.h"
#include "common/merkle/merkle.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/software_signer.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::HasSubstr;

// Appliances with a log of their own, which the test may spoil.
class Audit : public CliTest {
 protected:
  Audit() {
    for (int i = 0; i < 2500; ++i) Append();
    Checkpoint(2400);
    appliances.On<v1::ListAuditRecordsRequest, v1::ListAuditRecordsResponse>(
        "AuditService/ListAuditRecords",
        [this](const v1::ListAuditRecordsRequest& request) -> Result<v1::ListAuditRecordsResponse> {
          v1::ListAuditRecordsResponse response;
          response.set_tree_size(records.size());
          for (const v1::StoredAuditRecord& record : records) {
            if (record.sequence() < request.first_sequence()) continue;
            if (response.records_size() == static_cast<int>(request.page_size())) break;
            *response.add_records() = record;
          }
          return response;
        });
    appliances.On<v1::ListAuditCheckpointsRequest, v1::ListAuditCheckpointsResponse>(
        "AuditService/ListAuditCheckpoints",
        [this](const v1::ListAuditCheckpointsRequest& request)
            -> Result<v1::ListAuditCheckpointsResponse> {
          v1::ListAuditCheckpointsResponse response;
          response.set_public_key_pem(signer.public_key().Pem());
          for (const v1::AuditCheckpoint& checkpoint : checkpoints) {
            if (checkpoint.tree_size() < request.first_tree_size()) continue;
            // One a page, so that paging is exercised.
            response.set_more(response.checkpoints_size() == 1);
            if (response.more()) break;
            *response.add_checkpoints() = checkpoint;
          }
          return response;
        });
    appliances.On<v1::GetStatusRequest, v1::GetStatusResponse>(
        "ApplianceService/GetStatus",
        [](const v1::GetStatusRequest&) -> Result<v1::GetStatusResponse> {
          v1::GetStatusResponse response;
          response.set_site("a");
          return response;
        });
  }

  void Append() {
    v1::AuditRecord record;
    record.set_sequence(records.size());
    record.set_time_unix_us(1'795'233'906'789'012 +
                            static_cast<std::int64_t>(records.size()) * 1000);
    record.set_site("a");
    record.set_request_id("request-1");
    record.set_caller_role("application");
    record.set_caller_name("builder");
    record.set_operation("SigningService/Sign");
    record.set_key_id("00112233445566778899aabbccddeeff");
    record.set_key_name("release");
    record.set_key_version(1);
    record.set_scheme("ecdsa-sha256");
    record.set_outcome("ok");
    v1::StoredAuditRecord& stored = records.emplace_back();
    stored.set_sequence(record.sequence());
    stored.set_record(record.SerializeAsString());
    Hash(stored);
  }

  static void Hash(v1::StoredAuditRecord& stored) {
    stored.set_leaf_hash(ToString(merkle::HashLeaf(AsBytes(stored.record()))));
  }

  void Checkpoint(std::size_t size) {
    merkle::Frontier tree;
    for (std::size_t i = 0; i < size; ++i) {
      tree.Append(merkle::HashFromBytes(AsBytes(records[i].leaf_hash())).value());
    }
    const audit::TreeHead head{"a", size, tree.Root(), 1'795'233'906'789'012};
    v1::AuditCheckpoint& checkpoint = checkpoints.emplace_back();
    checkpoint.set_site(head.site);
    checkpoint.set_tree_size(size);
    checkpoint.set_root_hash(ToString(head.root));
    checkpoint.set_time_unix_us(head.time_unix_us);
    checkpoint.set_signature(
        signer.Sign(ToString(crypto::Sha256(AsBytes(audit::CheckpointText(head))))));
  }

  SoftwareSigner signer;
  std::vector<v1::StoredAuditRecord> records;
  std::vector<v1::AuditCheckpoint> checkpoints;
};

TEST_F(Audit, ListsTheNewest) {
  const Outcome outcome = Twinseal({"audit", "list", "--limit", "2"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "RECORD  TIME                      CALLER               OPERATION            KEY       "
            "  OUTCOME  DETAIL\n"
            "2498    2026-11-21 04:05:09.287Z  application/builder  SigningService/Sign  release "
            "v1  ok       -\n"
            "2499    2026-11-21 04:05:09.288Z  application/builder  SigningService/Sign  release "
            "v1  ok       -\n");
}

TEST_F(Audit, ListsFromWhereItIsToldAcrossPages) {
  const Outcome outcome = Twinseal({"audit", "list", "--first", "10", "--limit", "2100"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2101);
  EXPECT_THAT(outcome.out, HasSubstr("\n10      2026"));
  EXPECT_THAT(outcome.out, HasSubstr("\n2109    2026"));
  EXPECT_THAT(Twinseal({"audit", "list", "--first", "99999"}).out,
              ::testing::StartsWith("RECORD  TIME"));
}

TEST_F(Audit, JsonHasTheRecords) {
  EXPECT_EQ(Twinseal({"audit", "list", "--first", "7", "--limit", "1", "--output", "json"}).out,
            R"({
  "records": [
    {
      "sequence": "7",
      "timeUnixUs": "1795233906796012",
      "site": "a",
      "requestId": "request-1",
      "callerRole": "application",
      "callerName": "builder",
      "operation": "SigningService/Sign",
      "keyId": "00112233445566778899aabbccddeeff",
      "keyName": "release",
      "keyVersion": 1,
      "scheme": "ecdsa-sha256",
      "digests": [],
      "outcome": "ok",
      "detail": ""
    }
  ],
  "treeSize": "2500"
}
)");
}

TEST_F(Audit, VerifiesALogThatNobodyTouched) {
  Checkpoint(2450);
  const Outcome outcome = Twinseal({"audit", "verify"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Site a: 2500 records, none changed, removed or reordered.\n"
            "Signed: the first 2450, by 2 checkpoints.\n"
            "Not signed yet: the last 50; the next checkpoint covers them.\n"
            "Checkpoint key (SHA-256): " +
                signer.public_key().Fingerprint() +
                "\nThe appliance named that key itself; give --checkpoint-key FILE to trust your "
                "own copy.\n");

  const Outcome own =
      Twinseal({"audit", "verify", "--checkpoint-key", File("key.pem", signer.public_key().Pem())});
  EXPECT_EQ(own.status, ExitStatus::kDone) << own.err;
  EXPECT_THAT(own.out, ::testing::EndsWith(signer.public_key().Fingerprint() + "\n"));
}

TEST_F(Audit, SaysWhichRecordWasChanged) {
  v1::AuditRecord record;
  ASSERT_TRUE(record.ParseFromString(records[1234].record()));
  record.set_caller_name("somebody-else");
  records[1234].set_record(record.SerializeAsString());
  const Outcome outcome = Twinseal({"audit", "verify"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.out, HasSubstr("WHAT"));
  EXPECT_THAT(outcome.out, HasSubstr("changed"));
  EXPECT_EQ(outcome.err,
            "twinseal: verifying the audit log: record 1234 was changed; keep the appliance's disk "
            "as it is and compare with "
            "your copies of the log\n");
}

TEST_F(Audit, SaysWhichRecordWasRemovedOrReordered) {
  const auto kept = records;
  records.erase(records.begin() + 1500);
  EXPECT_THAT(Twinseal({"audit", "verify"}).err, HasSubstr("record 1500 was removed"));

  records = kept;
  std::swap(records[20], records[21]);
  const Outcome outcome = Twinseal({"audit", "verify", "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.out, HasSubstr("\"intact\": false"));
  EXPECT_THAT(outcome.out, HasSubstr("\"kind\": \"reordered\""));
}

TEST_F(Audit, ATruncatedOrRewrittenLogIsFound) {
  const auto kept = records;
  records.resize(2000);
  EXPECT_EQ(Twinseal({"audit", "verify"}).status, ExitStatus::kFailed);

  records = kept;
  v1::AuditRecord record;
  ASSERT_TRUE(record.ParseFromString(records[5].record()));
  record.set_outcome("permission_denied");
  records[5].set_record(record.SerializeAsString());
  Hash(records[5]);
  EXPECT_EQ(Twinseal({"audit", "verify"}).status, ExitStatus::kFailed);
}

TEST_F(Audit, ACheckpointOfAnotherKeyIsForged) {
  const SoftwareSigner other;
  const Outcome outcome =
      Twinseal({"audit", "verify", "--checkpoint-key", File("key.pem", other.public_key().Pem())});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("is it this appliance's audit key?"));
  EXPECT_THAT(outcome.out, ::testing::ContainsRegex("forged +2400"));
}

TEST_F(Audit, AKeyThatIsNoneIsNamed) {
  EXPECT_THAT(Twinseal({"audit", "verify", "--checkpoint-key", File("key.pem", "nonsense")}).err,
              ::testing::EndsWith("key.pem holds no public key in PEM\n"));
  EXPECT_THAT(Twinseal({"audit", "verify", "--checkpoint-key", Path("missing")}).err,
              ::testing::EndsWith("missing cannot be read: No such file or directory\n"));
}

TEST_F(Audit, StaysWithTheApplianceThatAnswered) {
  appliances.endpoints() = {"https://down.example:1", "https://a.example:2", "https://b.example:3"};
  appliances.Break(0, Error(Code::kUnavailable, "down; start it"));
  appliances.Break(2, Error(Code::kInternal, "not to be asked"));
  EXPECT_EQ(Twinseal({"audit", "verify"}).status, ExitStatus::kDone);
}

}  // namespace
}  // namespace twinseal::cli
