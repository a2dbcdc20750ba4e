// `twinseal pair status`, `leave` and `recover`, and `twinseal maintenance`: commands about sites
// that are a pair already.
#include <algorithm>
#include <future>

#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/pseudo_terminal.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::HasSubstr;

// Sites a and b behind the first two endpoints.
class PairSites : public CliTest {
 protected:
  PairSites() {
    appliances.endpoints() = {"https://a.example:9443", "https://b.example:9443"};
    appliances.On<v1::GetStatusRequest, v1::GetStatusResponse>(
        "ApplianceService/GetStatus",
        [this](const v1::GetStatusRequest&) -> Result<v1::GetStatusResponse> {
          v1::GetStatusResponse response;
          response.set_site(Called());
          response.set_ready(!busy);
          response.set_reason(busy ? "it catches up" : "");
          return response;
        });
    appliances.On<v1::GetPairRequest, v1::GetPairResponse>(
        "SiteService/GetPair", [this](const v1::GetPairRequest&) -> Result<v1::GetPairResponse> {
          v1::GetPairResponse response;
          response.set_site(Called());
          response.set_phase(phase);
          response.set_isolated(isolated);
          response.set_code("12345");
          v1::PairConfig& config = *response.mutable_config();
          config.set_domain_id("d0d0");
          config.set_epoch(3);
          config.add_fenced("ffff");
          for (const char* name : {"a", "b", "agent"}) {
            v1::Place& place = *config.add_places();
            place.set_name(name);
            place.set_api(std::string("https://") + name + ".example:9443");
            place.set_peer("192.0.2.1:2380");
            place.set_witness(std::string(name) == "agent");
          }
          return response;
        });
    appliances.On<v1::SetMaintenanceRequest, v1::SetMaintenanceResponse>(
        "SiteService/SetMaintenance",
        [](const v1::SetMaintenanceRequest& request) -> Result<v1::SetMaintenanceResponse> {
          v1::SetMaintenanceResponse response;
          response.set_standing(request.maintenance() ? "maintenance" : "active");
          return response;
        });
    appliances.On<v1::LeavePairRequest, v1::LeavePairResponse>(
        "PairingService/LeavePair",
        [this](const v1::LeavePairRequest&) -> Result<v1::LeavePairResponse> {
          phase = "leaving";
          return v1::LeavePairResponse();
        });
    appliances.On<v1::RecoverPairRequest, v1::RecoverPairResponse>(
        "PairingService/RecoverPair",
        [this](const v1::RecoverPairRequest&) -> Result<v1::RecoverPairResponse> {
          isolated = false;
          return v1::RecoverPairResponse();
        });
  }

  // The site that is asked just now.
  std::string Called() const { return appliances.calls().back().endpoint == 0 ? "a" : "b"; }
  // At which endpoint the procedure was called last.
  std::size_t EndpointOf(const std::string& procedure) const {
    for (auto call = appliances.calls().rbegin(); call != appliances.calls().rend(); ++call) {
      if (call->procedure == procedure) return call->endpoint;
    }
    ADD_FAILURE() << "nobody called " << procedure;
    return 99;
  }
  bool WasCalled(const std::string& procedure) const {
    return std::ranges::any_of(
        appliances.calls(), [&](const RecordedCall& call) { return call.procedure == procedure; });
  }

  std::string phase = "paired";
  bool isolated = false;
  bool busy = false;
};

TEST_F(PairSites, StatusShowsEachSiteAndThePlaces) {
  const Outcome outcome = Twinseal({"pair", "status"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  const std::string nobody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  EXPECT_EQ(outcome.out,
            "SITE  ENDPOINT                PHASE   CODE  DETAIL\n"
            "a     https://a.example:9443  paired  -     -\n"
            "b     https://b.example:9443  paired  -     -\n"
            "\n"
            "Domain d0d0, epoch 3, 1 lost appliance shut out\n"
            "PLACE  ROLE     API                         LEDGER MEMBER   IDENTITY (SHA-256)\n"
            "a      site     https://a.example:9443      192.0.2.1:2380  " +
                nobody +
                "\n"
                "b      site     https://b.example:9443      192.0.2.1:2380  " +
                nobody +
                "\n"
                "agent  witness  https://agent.example:9443  192.0.2.1:2380  -\n");
}

TEST_F(PairSites, StatusShowsTheCodeWhileItIsCompared) {
  phase = "agreed";
  EXPECT_THAT(Twinseal({"pair", "status"}).out,
              HasSubstr("a     https://a.example:9443  agreed  12345  -\n"));
}

TEST_F(PairSites, StatusAsksTheJoinerAsNobody) {
  strangers["https://c.example:9443"].endpoints() = {"https://c.example:9443"};
  strangers["https://c.example:9443"].On<v1::GetPairRequest, v1::GetPairResponse>(
      "SiteService/GetPair", [](const v1::GetPairRequest&) -> Result<v1::GetPairResponse> {
        v1::GetPairResponse response;
        response.set_site("c");
        response.set_phase("joining");
        return response;
      });
  EXPECT_THAT(Twinseal({"pair", "status", "--joiner", "https://c.example:9443"}).out,
              HasSubstr("c     https://c.example:9443  joining  -     -\n"));
}

TEST_F(PairSites, StatusFailsWhenNobodyAnswers) {
  appliances.Break(0, Error(Code::kUnavailable, "down; start it"));
  const Outcome one = Twinseal({"pair", "status"});
  EXPECT_EQ(one.status, ExitStatus::kDone);
  EXPECT_THAT(one.out, HasSubstr("https://a.example:9443  cannot be asked  -     down; start it"));
  appliances.Break(1, Error(Code::kUnavailable, "down; start it"));
  EXPECT_EQ(Twinseal({"pair", "status", "--output", "json"}).status, ExitStatus::kFailed);
}

TEST_F(PairSites, MaintenanceIsSetAtTheSiteItself) {
  const Outcome outcome = Twinseal({"maintenance", "start", "b"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Site b takes no more work; `twinseal maintenance finish b` takes it back.\n");
  EXPECT_EQ(EndpointOf("SiteService/SetMaintenance"), 1U);
  EXPECT_TRUE(
      appliances.Last<v1::SetMaintenanceRequest>("SiteService/SetMaintenance").maintenance());
  EXPECT_EQ(Twinseal({"maintenance", "start", "a", "--output", "json"}).out,
            "{\n  \"site\": \"a\",\n  \"standing\": \"maintenance\"\n}\n");
}

TEST_F(PairSites, FinishedMaintenanceMeansReady) {
  busy = true;
  int pauses = 0;
  on_pause = [&] { busy = ++pauses < 3; };
  const Outcome outcome = Twinseal({"maintenance", "finish", "a"});
  EXPECT_EQ(outcome.out, "Site a is in service again.\n") << outcome.err;
  EXPECT_EQ(pauses, 3);
  EXPECT_FALSE(
      appliances.Last<v1::SetMaintenanceRequest>("SiteService/SetMaintenance").maintenance());

  busy = true;
  on_pause = [] {};
  EXPECT_EQ(Twinseal({"maintenance", "finish", "a"}).err,
            "twinseal: taking site a back into service: site a takes part again but is not ready "
            "yet (it catches up); `twinseal status` shows when it is\n");
}

TEST_F(PairSites, ASiteThatNoEndpointIsIsNamedWithThoseThatAre) {
  EXPECT_EQ(Twinseal({"maintenance", "start", "c"}).err,
            "twinseal: taking site c out of service: no endpoint answers as site c: "
            "https://a.example:9443 is site a, https://b.example:9443 is site b; name its endpoint "
            "in TWINSEAL_ENDPOINTS\n");
  EXPECT_EQ(Twinseal({"maintenance", "start", "../x"}).status, ExitStatus::kWrongUsage);
}

TEST_F(PairSites, LeavingWaitsUntilTheSiteIsAlone) {
  int pauses = 0;
  on_pause = [&] {
    if (++pauses == 2) phase = "alone";
  };
  const Outcome outcome = Twinseal({"pair", "leave", "b"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Site b left the pair and goes on alone with all that the pair had; the pair is over, "
            "and its other site serves no more.\n");
  EXPECT_EQ(EndpointOf("PairingService/LeavePair"), 1U);
  EXPECT_EQ(appliances.Last<v1::LeavePairRequest>("PairingService/LeavePair").site(), "b");
}

TEST_F(PairSites, LeavingThatWasInterruptedIsOnlyWaitedFor) {
  phase = "leaving";
  on_pause = [this] { phase = "alone"; };
  EXPECT_EQ(Twinseal({"pair", "leave", "b", "--output", "json"}).out,
            "{\n  \"site\": \"b\",\n  \"phase\": \"alone\"\n}\n");
  EXPECT_FALSE(WasCalled("PairingService/LeavePair"));
}

TEST_F(PairSites, RecoveryIsAskedForTwice) {
  isolated = true;
  EXPECT_THAT(Twinseal({"pair", "recover", "a"}).err, HasSubstr("; say --yes-recover a\n"));
  EXPECT_THAT(Twinseal({"pair", "recover", "a", "--yes-recover", "b"}).err,
              HasSubstr("--yes-recover names b, which is another site; nothing was done\n"));
  EXPECT_TRUE(appliances.calls().empty());
  const Outcome outcome = Twinseal({"pair", "recover", "a", "--yes-recover", "a"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("This is the last resort. Site a goes on alone"));
  EXPECT_THAT(outcome.out, HasSubstr("Site a serves again, alone."));
  EXPECT_EQ(EndpointOf("PairingService/RecoverPair"), 0U);
}

TEST_F(PairSites, RecoveryWarnsAndWantsTheSitesName) {
  for (const bool meant : {false, true}) {
    PseudoTerminal typist;
    terminal = typist.path();
    std::future<Outcome> running = std::async(std::launch::async, [this] {
      return Twinseal({"pair", "recover", "b"});
    });
    const std::string seen = typist.ReadUntil("Type the site's name to go on: ");
    EXPECT_THAT(seen, HasSubstr("is lost: keys may come back that were"));
    typist.Type(meant ? "b\n" : "yes\n");
    const Outcome outcome = running.get();
    EXPECT_EQ(outcome.status, meant ? ExitStatus::kDone : ExitStatus::kFailed) << outcome.err;
    EXPECT_EQ(WasCalled("PairingService/RecoverPair"), meant);
  }
}

}  // namespace
}  // namespace twinseal::cli
