// `twinseal status` of a pair.
#include <array>

#include "tests/unit/agent/cli/cli_fixture.h"
#include "twinseal/v1/agent.pb.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kAgent = "https://agent.example:9443";
constexpr std::int64_t kTime = 1'795'233'906'789;  // 2026-11-21 04:05:06Z

class PairGlance : public CliTest {
 protected:
  PairGlance() {
    appliances.endpoints() = {"https://a.example:9443", "https://b.example:9443"};
    for (std::size_t i = 0; i < 2; ++i) {
      status[i].set_site(i == 0 ? "a" : "b");
      status[i].set_ready(true);
      status[i].set_hsm_model("SoftHSM v2");
      status[i].set_hsm_state("ready");
      status[i].set_ledger_engine("etcd 3.4.23");
      (*status[i].mutable_keys_by_state())["enabled"] = i == 0 ? 3 : 4;
      pair[i] = Pair(status[i].site());
    }
    appliances.On<v1::GetStatusRequest, v1::GetStatusResponse>(
        "ApplianceService/GetStatus",
        [this](const v1::GetStatusRequest&) -> Result<v1::GetStatusResponse> {
          return status.at(appliances.calls().back().endpoint);
        });
    appliances.On<v1::GetPairRequest, v1::GetPairResponse>(
        "SiteService/GetPair", [this](const v1::GetPairRequest&) -> Result<v1::GetPairResponse> {
          return pair.at(appliances.calls().back().endpoint);
        });
    elsewhere[kAgent].endpoints() = {kAgent};
    elsewhere[kAgent].On<v1::GetPairHealthRequest, v1::GetPairHealthResponse>(
        "AgentService/GetPairHealth",
        [this](const v1::GetPairHealthRequest&) -> Result<v1::GetPairHealthResponse> {
          return health;
        });
    health.set_ledger_revision(120);
    health.set_ledger_leader("a");
    health.set_ledger_database_bytes(3 << 20);
    health.set_ledger_quota_bytes(8LL << 30);
    health.set_watched_ms(10 * 86'400'000LL);
    health.set_available_ms(10 * 86'400'000LL - 1'500);
    health.mutable_last_failover()->set_time_unix_ms(kTime);
    health.mutable_last_failover()->set_from("b");
    health.mutable_last_failover()->set_to("a");
  }

  static v1::GetPairResponse Pair(const std::string& site) {
    v1::GetPairResponse response;
    response.set_site(site);
    response.set_phase("paired");
    response.set_ledger_revision(120);
    response.set_applied_revision(site == "a" ? 118 : 120);
    response.mutable_config()->set_domain_id("d0d0");
    response.mutable_config()->set_epoch(1);
    for (const char* name : {"a", "b", "agent"}) {
      v1::Place& place = *response.mutable_config()->add_places();
      place.set_name(name);
      place.set_api(std::string("https://") + name + ".example:9443");
      place.set_witness(std::string(name) == "agent");
      v1::MemberView& member = *response.add_members();
      member.set_name(name);
      member.set_reachable(true);
      member.set_leader(std::string(name) == "a");
    }
    for (const char* name : {"a", "b"}) {
      v1::SiteView& view = *response.add_sites();
      view.set_name(name);
      view.set_standing("active");
      view.set_reachable(true);
    }
    return response;
  }

  std::array<v1::GetStatusResponse, 2> status;
  std::array<v1::GetPairResponse, 2> pair;
  v1::GetPairHealthResponse health;
};

TEST_F(PairGlance, FitsOnOneScreen) {
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Pair:          domain d0d0, epoch 1\n"
            "Service:       2 of 2 sites ready\n"
            "Ledger:        etcd 3.4.23, leader a, revision 120, 3.0 MiB of 8.0 GiB\n"
            "Keys:          4 enabled\n"
            "Availability:  99.9998 % of 10d 0h watched: 1.5 s without a ready site, 86.4 s "
            "allowed by 99.99 %\n"
            "Last failover: 2026-11-21 04:05:06Z, leadership of the ledger from b to a\n"
            "\n"
            "PLACE  ROLE     STATE  STANDING  LEDGER    LAG  HSM\n"
            "a      site     ready  active    leader    2    SoftHSM v2, ready\n"
            "b      site     ready  active    follower  0    SoftHSM v2, ready\n"
            "agent  witness  ready  -         follower  -    -\n");
}

TEST_F(PairGlance, TheAgentIsWhereTheConfigurationSays) {
  elsewhere.clear();
  environment["TWINSEAL_AGENT"] = "https://other.example:1";
  elsewhere["https://other.example:1"].Break(0, Error(Code::kUnavailable, "down; start it"));
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone);
  EXPECT_THAT(outcome.out,
              HasSubstr("Availability:  unknown: the agent cannot be asked: down; start it\n"));
  EXPECT_THAT(outcome.out, HasSubstr("agent  witness  cannot be asked  -         follower  -"));
  environment["TWINSEAL_AGENT"] = "other.example:1";
  EXPECT_THAT(Twinseal({"status"}).err, HasSubstr("is no endpoint; write https://HOST:PORT"));
}

TEST_F(PairGlance, ASiteThatIsDownIsSaidWithWhatTheOthersKnow) {
  appliances.Break(1, Error(Code::kUnavailable, "refused the connection; is it running"));
  pair[0].mutable_sites(1)->set_standing("suspended");
  pair[0].mutable_members(1)->set_reachable(false);
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Service:       1 of 2 sites ready\n"));
  EXPECT_THAT(outcome.out, HasSubstr("Keys:          3 enabled\n"));
  EXPECT_THAT(outcome.out, HasSubstr("b      site     cannot be asked  suspended  not reachable  "
                                     "-    -\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\n\nSite b: refused the connection; is it running\n"));
}

TEST_F(PairGlance, AnEndpointByAnotherNameIsTheSiteThatIsMissing) {
  appliances.endpoints()[1] = "https://localhost:9444";
  appliances.Break(1, Error(Code::kUnavailable, "down; start it"));
  EXPECT_THAT(Twinseal({"status"}).out, HasSubstr("\n\nSite b: down; start it\n"));
}

TEST_F(PairGlance, ASiteWithoutAnEndpointIsShownByTheOthersEyes) {
  appliances.endpoints().pop_back();
  EXPECT_THAT(Twinseal({"status"}).out,
              HasSubstr("Site b: no endpoint of the configuration is its\n"));
  pair[0].mutable_sites(1)->set_reachable(false);
  pair[0].mutable_sites(1)->set_reason("no route");
  EXPECT_THAT(Twinseal({"status"}).out,
              HasSubstr("Site b: the other sites cannot reach it: no route\n"));
}

TEST_F(PairGlance, AnIsolatedSiteIsSaidAndNotBelieved) {
  pair[1].set_isolated(true);
  pair[1].set_isolated_since_unix_ms(kTime);
  pair[1].mutable_members(0)->set_leader(false);
  pair[1].mutable_members(1)->set_leader(true);
  pair[1].mutable_sites(0)->set_standing("suspended");
  const std::string out = Twinseal({"status"}).out;
  EXPECT_THAT(out, HasSubstr("b      site     ready, isolated since 2026-11-21 04:05:06Z"));
  EXPECT_THAT(out, HasSubstr("leader a, revision 120"));
  EXPECT_THAT(out, Not(HasSubstr("suspended")));
}

TEST_F(PairGlance, ASiteThatLeftIsSaidToBeAlone) {
  pair[1].set_phase("alone");
  pair[1].clear_config();
  EXPECT_THAT(Twinseal({"status"}).out, HasSubstr("b      site     ready, alone  active"));
}

TEST_F(PairGlance, AlarmsStandBeneath) {
  v1::Alarm& alarm = *health.add_alarms();
  alarm.set_name("site-not-ready");
  alarm.set_place("b");
  alarm.set_text("its HSM is gone; look at it");
  alarm.set_since_unix_ms(kTime);
  status[1].set_ready(false);
  status[1].set_reason("the HSM's token is gone");
  EXPECT_THAT(Twinseal({"status"}).out,
              HasSubstr("\n\nSite b: the HSM's token is gone\nAlarm site-not-ready at b since "
                        "2026-11-21 04:05:06Z: its HSM is gone; look at it\n"));
}

TEST_F(PairGlance, NoSiteThatSignsIsAFailure) {
  for (v1::GetStatusResponse& each : status) {
    each.set_ready(false);
    each.set_reason("maintenance");
  }
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.out, HasSubstr("Service:       0 of 2 sites ready\n"));
  EXPECT_EQ(outcome.err,
            "twinseal: asking for the status: no site of the pair can sign; see the reasons "
            "above\n");
}

TEST_F(PairGlance, WhenNobodyAnswersTheAgentIsHeard) {
  environment["TWINSEAL_AGENT"] = kAgent;
  for (const std::size_t i : {0, 1}) {
    appliances.Break(i, Error(Code::kUnavailable, "down; start it"));
  }
  v1::PlaceHealth& place = *health.add_places();
  place.set_name("b");
  place.set_reason("it cannot be reached");
  place.set_since_unix_ms(kTime);
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.out, HasSubstr("Agent:         https://agent.example:9443\n"
                                     "Sees b:        not ready (it cannot be reached) since "
                                     "2026-11-21 04:05:06Z\n"));
  EXPECT_THAT(Twinseal({"status", "--output", "json"}).out,
              HasSubstr("\"agent\": {\n    \"endpoint\": \"https://agent.example:9443\",\n"));
}

TEST_F(PairGlance, WhatIsNotTheWholeIsNotRoundedToIt) {
  health.set_available_ms(health.watched_ms() - 1);
  EXPECT_THAT(Twinseal({"status"}).out, HasSubstr("Availability:  99.9999 % of"));
  health.set_available_ms(health.watched_ms());
  EXPECT_THAT(Twinseal({"status"}).out, HasSubstr("Availability:  100.0000 % of"));
  health.set_watched_ms(0);
  EXPECT_THAT(Twinseal({"status"}).out, HasSubstr("Availability:  not watched yet\n"));
}

TEST_F(PairGlance, JsonHasThePairBesideTheAppliances) {
  appliances.Break(1, Error(Code::kUnavailable, "down; start it"));
  const std::string out = Twinseal({"status", "--output", "json"}).out;
  EXPECT_THAT(out, HasSubstr(R"(  "pair": {
    "domainId": "d0d0",
    "epoch": "1",
    "readySites": 1,
    "ledgerEngine": "etcd 3.4.23",
    "ledgerLeader": "a",
    "ledgerRevision": "120",
    "sites": [
      {
        "name": "a",
        "endpoint": "https://a.example:9443",
        "reachable": true,
        "ready": true,
        "reason": "",
        "phase": "paired",
        "standing": "active",
        "isolated": false,
        "isolatedSinceUnixMs": "0",
        "ledgerRole": "leader",
        "lag": "2",
        "hsmState": "ready"
      },
      {
        "name": "b",
        "endpoint": "https://b.example:9443",
        "reachable": false,
        "ready": false,
        "reason": "down; start it",
        "phase": "",
        "standing": "active",
        "isolated": false,
        "isolatedSinceUnixMs": "0",
        "ledgerRole": "follower",
        "lag": null,
        "hsmState": ""
      }
    ],
    "availability": {
      "watchedMs": "864000000",
      "availableMs": "863998500",
      "percent": "99.9998",
      "targetPercent": "99.9900",
      "targetMet": true
    }
  }
}
)"));
}

}  // namespace
}  // namespace twinseal::cli
