#include "tests/unit/agent/cli/cli_fixture.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

class StatusCommand : public CliTest {
 protected:
  StatusCommand() {
    status.set_site("a");
    status.set_version("0.1.0");
    status.set_ready(true);
    status.set_started_unix_ms(1'795'233'906'789);
    status.set_hsm_manufacturer("SoftHSM project");
    status.set_hsm_model("SoftHSM v2");
    status.set_hsm_token_label("twinseal-a");
    status.set_hsm_state("ready");
    status.set_hsm_sessions(2);
    status.set_ledger_engine("sqlite");
    status.set_ledger_revision(42);
    status.set_audit_tree_size(1);
    status.set_memory_lock("all");
    (*status.mutable_keys_by_state())["disabled"] = 1;
    (*status.mutable_keys_by_state())["enabled"] = 3;
    const std::string pending = "pending-destruction";
    (*status.mutable_keys_by_state())[pending] = 2;
    (*status.mutable_keys_by_state())["destroyed"] = 0;
    v1::Capability& ed25519 = *status.add_capabilities();
    ed25519.set_name("ed25519 in the vault");
    ed25519.set_reason("the token cannot wrap such keys");
    v1::Capability& p256 = *status.add_capabilities();
    p256.set_name("ec-p256 in the vault");
    p256.set_available(true);
    appliances.On<v1::GetStatusRequest, v1::GetStatusResponse>(
        "ApplianceService/GetStatus",
        [this](const v1::GetStatusRequest&) -> Result<v1::GetStatusResponse> { return status; });
  }

  v1::GetStatusResponse status;
};

constexpr const char* kReady =
    "Appliance:     https://a.example:9443\n"
    "Site:          a\n"
    "State:         ready\n"
    "Version:       0.1.0\n"
    "Running since: 2026-11-21 04:05:06Z\n"
    "HSM:           SoftHSM v2 (SoftHSM project), token twinseal-a, ready, 2 sessions\n"
    "Keys:          3 enabled, 1 disabled, 2 pending-destruction\n"
    "Ledger:        sqlite, revision 42\n"
    "Audit log:     1 record\n"
    "Locked memory: all\n"
    "Core restarts: 0\n"
    "Not available: ed25519 in the vault: the token cannot wrap such keys\n";

TEST_F(StatusCommand, TellsOfTheArchiveOnceThereIsSomethingInIt) {
  status.mutable_archive()->set_entries(12);
  EXPECT_NE(Twinseal({"status"}).out.find("Archive:       12 entries\n"), std::string::npos);
  status.mutable_archive()->set_waiting_entries(3);
  status.mutable_archive()->add_behind("b");
  EXPECT_NE(
      Twinseal({"status"}).out.find("12 entries, 3 in the ledger until site b has archived them\n"),
      std::string::npos);
  status.mutable_archive()->set_problem("the disk is full");
  EXPECT_NE(Twinseal({"status"}).out.find("; cannot be written to: the disk is full\n"),
            std::string::npos);
}

TEST_F(StatusCommand, ShowsAReadyAppliance) {
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, kReady);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(StatusCommand, FailsWhenTheApplianceIsNotReady) {
  status.set_ready(false);
  status.set_reason("the HSM's token is gone");
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.out,
              ::testing::HasSubstr("State:         not ready: the HSM's token is gone\n"));
  EXPECT_EQ(outcome.err, "twinseal: asking for the status: not ready: the HSM's token is gone\n");
}

TEST_F(StatusCommand, ShowsEachApplianceAlsoWhenOneIsDown) {
  appliances.endpoints().emplace_back("https://b.example:9443");
  appliances.Break(1, Error(Code::kUnavailable,
                            "b.example:9443 refused the connection; is twinseald running there"));
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  std::string expected = kReady;
  expected +=
      "\nAppliance: https://b.example:9443\n"
      "State:     cannot be asked: b.example:9443 refused the connection; is twinseald running "
      "there\n";
  EXPECT_EQ(outcome.out, expected);
  EXPECT_EQ(outcome.err,
            "twinseal: asking for the status: 1 of 2 appliances cannot sign; see State above\n");
}

TEST_F(StatusCommand, JsonHasTheContractsNames) {
  appliances.endpoints().emplace_back("https://b.example:9443");
  appliances.Break(1, Error(Code::kUnavailable, "down; start it"));
  status.clear_capabilities();
  const Outcome outcome = Twinseal({"status", "--output", "json"});
  EXPECT_EQ(outcome.out, R"({
  "appliances": [
    {
      "endpoint": "https://a.example:9443",
      "error": null,
      "status": {
        "site": "a",
        "version": "0.1.0",
        "ready": true,
        "reason": "",
        "startedUnixMs": "1795233906789",
        "hsmManufacturer": "SoftHSM project",
        "hsmModel": "SoftHSM v2",
        "hsmTokenLabel": "twinseal-a",
        "hsmState": "ready",
        "hsmSessions": 2,
        "capabilities": [],
        "ledgerEngine": "sqlite",
        "ledgerRevision": "42",
        "auditTreeSize": "1",
        "keysByState": {
          "destroyed": "0",
          "disabled": "1",
          "enabled": "3",
          "pending-destruction": "2"
        },
        "coreRestarts": "0",
        "memoryLock": "all"
      }
    },
    {
      "endpoint": "https://b.example:9443",
      "error": "down; start it",
      "status": null
    }
  ]
}
)");
}

}  // namespace
}  // namespace twinseal::cli
