#include "firmware/service/pair/site_lease.h"

#include <future>

#include <gmock/gmock.h>

#include "tests/unit/firmware/service/pair/site_lease_fixture.h"

namespace twinseal::service {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

class SiteLeaseTest : public SiteLeaseFixture {
 protected:
  const v1::Key stop = KeyThat(v1::STOP);
  const v1::Key ten_seconds = KeyThat(v1::CONTINUE, 10);
  const v1::Key silent = KeyThat(v1::ISOLATION_UNSPECIFIED);
};

TEST_F(SiteLeaseTest, BeforeItsFirstLookASiteDoesNothing) {
  EXPECT_FALSE(lease.held());
  for (const v1::Key& key : {stop, ten_seconds, silent}) {
    EXPECT_THAT(lease.MaySign(key), FailsWith(Code::kUnavailable, "since it was started"));
  }
  EXPECT_THAT(lease.MayChange(), FailsWith(Code::kUnavailable, "ask another site"));
  EXPECT_THAT(lease.NotReady(), HasSubstr("not caught up"));
  EXPECT_EQ(lease.isolated_since_unix_ms(), std::nullopt);
}

TEST_F(SiteLeaseTest, NorWhileItsViewLacksWhatTheLookHasFound) {
  const ledger::Revision changed = Change();
  lease.Start();
  Look();
  EXPECT_FALSE(lease.held());
  EXPECT_THAT(lease.MaySign(silent), FailsWith(Code::kUnavailable, "since it was started"));
  applied.Advance(changed);
  Look();
  EXPECT_TRUE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), Succeeds());
  EXPECT_THAT(lease.MaySign(silent), Succeeds());
  EXPECT_THAT(lease.MayChange(), Succeeds());
  EXPECT_EQ(lease.NotReady(), "");
}

// Nothing but changes of keys has to be in the view, which is level then with whatever else there
// is.
TEST_F(SiteLeaseTest, WhatIsNoChangeOfAKeyIsNotWaitedFor) {
  applied.Advance(Change());
  Put("/request/1", "an answer");
  SetStanding("b", v1::SiteStanding::ACTIVE);
  lease.Start();
  Look();
  EXPECT_TRUE(lease.held());
  EXPECT_EQ(applied.now(), ledger.CurrentRevision().value());
}

TEST_F(SiteLeaseTest, RunsOutWhenTheLedgerIsNotReached) {
  lease.Start();
  Look();
  CutOff();
  clocks.Pass(kLease - nanoseconds(1));
  EXPECT_TRUE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), Succeeds());
  EXPECT_THAT(lease.MayChange(), Succeeds());
  clocks.Pass(nanoseconds(1));
  EXPECT_FALSE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), FailsWith(Code::kUnavailable, "'k' does not sign at a site"));
  EXPECT_THAT(lease.MayChange(), FailsWith(Code::kUnavailable, "majority"));
  EXPECT_EQ(lease.isolated_since_unix_ms(), SetClocks::kStart + kLease.count());
  // It served, and goes on with keys that may.
  EXPECT_EQ(lease.NotReady(), "");
}

TEST_F(SiteLeaseTest, AKeyThatContinuesDoesSoForItsTime) {
  lease.Start();
  Look();
  CutOff();
  clocks.Pass(kLease + seconds(10) - nanoseconds(1));
  EXPECT_THAT(lease.MaySign(ten_seconds), Succeeds());
  clocks.Pass(nanoseconds(1));
  EXPECT_THAT(lease.MaySign(ten_seconds), FailsWith(Code::kUnavailable, "for longer than"));
  // A day when the policy says nothing.
  clocks.Pass(hours(24) - seconds(10) - nanoseconds(1));
  EXPECT_THAT(lease.MaySign(silent), Succeeds());
  clocks.Pass(nanoseconds(1));
  EXPECT_THAT(lease.MaySign(silent), FailsWith(Code::kUnavailable, "ask another site"));
  EXPECT_EQ(lease.isolated_since_unix_ms(), SetClocks::kStart + kLease.count());
}

TEST_F(SiteLeaseTest, GoesByTheRuleThatTheKeyHasAtThisSite) {
  v1::Key stops_here = silent;
  v1::Key continues_here = stop;
  v1::Key stops_elsewhere = silent;
  const auto add = [](v1::Key& key, const std::string& site, v1::Isolation isolation) {
    v1::SitePolicy& own = *key.mutable_policy()->add_at_sites();
    own.set_site(site);
    own.set_isolation(isolation);
  };
  add(stops_here, "a", v1::STOP);
  add(continues_here, "a", v1::CONTINUE);
  add(stops_elsewhere, "b", v1::STOP);
  lease.Start();
  Look();
  CutOff();
  clocks.Pass(kLease);
  EXPECT_THAT(lease.MaySign(stops_here), FailsWith(Code::kUnavailable, "does not sign at a site"));
  EXPECT_THAT(lease.MaySign(continues_here), Succeeds());
  EXPECT_THAT(lease.MaySign(stops_elsewhere), Succeeds());
}

TEST_F(SiteLeaseTest, IsTakenUpAgainAsSoonAsTheViewIsLevel) {
  lease.Start();
  Look();
  CutOff();
  clocks.Pass(kLease);
  const ledger::Revision changed = Change();
  ledger.SetListFault(nullptr);
  Look();
  EXPECT_FALSE(lease.held());
  applied.Advance(changed);
  Look();
  EXPECT_TRUE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), Succeeds());
  EXPECT_EQ(lease.isolated_since_unix_ms(), std::nullopt);
}

// A change that is committed while the look is under way may not be in what it finds.
TEST_F(SiteLeaseTest, CountsFromTheBeginningOfTheLook) {
  static constexpr milliseconds kUnderWay(600);
  ledger.SetListFault([this]() -> std::optional<Error> {
    clocks.Pass(kUnderWay);
    return std::nullopt;
  });
  lease.Start();
  Look();
  EXPECT_TRUE(lease.held());
  CutOff();
  clocks.Pass(kLease - kUnderWay - nanoseconds(1));
  EXPECT_TRUE(lease.held());
  clocks.Pass(nanoseconds(1));
  EXPECT_FALSE(lease.held());
}

TEST_F(SiteLeaseTest, ALookThatTakesLongerThanALeaseGivesNone) {
  ledger.SetListFault([this]() -> std::optional<Error> {
    clocks.Pass(kLease);
    return std::nullopt;
  });
  lease.Start();
  Look();
  EXPECT_FALSE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), FailsWith(Code::kUnavailable, "ask another site"));
}

TEST_F(SiteLeaseTest, InMaintenanceASiteDoesNothingWhateverTheKeySays) {
  lease.Start();
  Look();
  ASSERT_TRUE(lease.held());
  SetStanding("a", v1::SiteStanding::MAINTENANCE);
  Look();
  for (const v1::Key& key : {stop, ten_seconds, silent}) {
    EXPECT_THAT(lease.MaySign(key), FailsWith(Code::kUnavailable, "in maintenance"));
  }
  EXPECT_THAT(lease.MayChange(), FailsWith(Code::kUnavailable, "in maintenance"));
  EXPECT_THAT(lease.NotReady(), HasSubstr("maintenance"));
  // Also when it is cut off then: it knows.
  CutOff();
  clocks.Pass(kLease);
  EXPECT_THAT(lease.MaySign(silent), FailsWith(Code::kUnavailable, "in maintenance"));
  // It ends by its operator's wish alone.
  EXPECT_EQ(StandingOf("a").standing(), v1::SiteStanding::MAINTENANCE);
  ledger.SetListFault(nullptr);
  SetStanding("a", v1::SiteStanding::ACTIVE);
  Look();
  EXPECT_THAT(lease.MaySign(stop), Succeeds());
  EXPECT_EQ(lease.NotReady(), "");
}

TEST_F(SiteLeaseTest, NobodyServesAPairWhoseLedgerWasTakenAlong) {
  lease.Start();
  Look();
  Put(std::string(kLeftPath), "b");
  Look();
  EXPECT_THAT(lease.MaySign(silent), FailsWith(Code::kUnavailable, "site b has left"));
  EXPECT_THAT(lease.MayChange(), FailsWith(Code::kUnavailable, "site b has left"));
  EXPECT_THAT(lease.NotReady(), HasSubstr("site b has left"));
}

TEST_F(SiteLeaseTest, OtherSitesStandingIsNotItsOwn) {
  SetStanding("b", v1::SiteStanding::MAINTENANCE);
  SetStanding("c", v1::SiteStanding::SUSPENDED);
  lease.Start();
  Look();
  EXPECT_TRUE(lease.held());
  EXPECT_THAT(lease.MaySign(stop), Succeeds());
  EXPECT_EQ(StandingOf("c").standing(), v1::SiteStanding::SUSPENDED);
}

TEST_F(SiteLeaseTest, ASuspendedSiteReturnsByItselfWhenItIsLevel) {
  SetStanding("a", v1::SiteStanding::SUSPENDED);
  const ledger::Revision changed = Change();
  lease.Start();
  Look();
  EXPECT_FALSE(lease.held());
  EXPECT_EQ(StandingOf("a").standing(), v1::SiteStanding::SUSPENDED);
  applied.Advance(changed);
  // One look finds it level and says so, the next one finds it active.
  Look();
  EXPECT_EQ(StandingOf("a").standing(), v1::SiteStanding::ACTIVE);
  EXPECT_FALSE(ledger.Get(StandingPath("a"))->has_value()) << "a full ledger takes no record";
  Look();
  EXPECT_TRUE(lease.held());
}

// The lease that it had stays good for its time: who suspends it waits for that.
TEST_F(SiteLeaseTest, SuspensionEndsALeaseByNotRenewingIt) {
  lease.Start();
  Look();
  SetStanding("a", v1::SiteStanding::SUSPENDED);
  const ledger::Revision changed = Change();
  Look();
  EXPECT_TRUE(lease.held());
  clocks.Pass(kLease);
  Look();
  EXPECT_FALSE(lease.held());
  applied.Advance(changed);
  Look();
  Look();
  EXPECT_TRUE(lease.held());
}

TEST_F(SiteLeaseTest, ReturningDoesNotEndAMaintenanceThatBeganMeanwhile) {
  SetStanding("a", v1::SiteStanding::SUSPENDED);
  ledger.before_commit = [this] { SetStanding("a", v1::SiteStanding::MAINTENANCE); };
  lease.Start();
  Look();
  EXPECT_EQ(StandingOf("a").standing(), v1::SiteStanding::MAINTENANCE);
  Look();
  EXPECT_THAT(lease.MaySign(silent), FailsWith(Code::kUnavailable, "in maintenance"));
}

TEST_F(SiteLeaseTest, TellsWhenAStandingWasFirstSeen) {
  lease.Start();
  Look();
  EXPECT_TRUE(lease.standings().empty());
  const BootClock::time_point start = clocks.boot()();
  clocks.Pass(milliseconds(100));
  SetStanding("b", v1::SiteStanding::SUSPENDED);
  Look();
  clocks.Pass(milliseconds(100));
  SetStanding("c", v1::SiteStanding::ACTIVE);
  Look();
  clocks.Pass(milliseconds(100));
  Look();
  std::map<std::string, SeenStanding> standings = lease.standings();
  EXPECT_THAT(standings, ElementsAre(Key("b"), Key("c")));
  EXPECT_EQ(standings["b"].standing.standing(), v1::SiteStanding::SUSPENDED);
  EXPECT_EQ(standings["b"].seen, start + milliseconds(100));
  EXPECT_EQ(standings["b"].modified, (*ledger.Get(StandingPath("b")))->modified);
  EXPECT_EQ(standings["c"].seen, start + milliseconds(200));
  // The same again is another record.
  SetStanding("b", v1::SiteStanding::SUSPENDED);
  Look();
  EXPECT_EQ(lease.standings()["b"].seen, start + milliseconds(300));
  ledger::Transaction back;
  back.writes.push_back(ledger::Remove{StandingPath("b")});
  ASSERT_TRUE(ledger.Commit(back)->committed);
  Look();
  EXPECT_THAT(lease.standings(), ElementsAre(Key("c")));
}

TEST_F(SiteLeaseTest, ALookIsNotAwaitedLongerThanAsked) {
  std::promise<void> go;
  const std::shared_future<void> wait = go.get_future().share();
  ledger.SetListFault([wait]() -> std::optional<Error> {
    wait.wait();
    return std::nullopt;
  });
  lease.Start();
  lease.AwaitLook(std::chrono::steady_clock::now());
  EXPECT_FALSE(lease.held());
  go.set_value();
  Look();
  EXPECT_TRUE(lease.held());
}

TEST_F(SiteLeaseTest, StopsAndMayBeStoppedAgain) {
  lease.Start();
  Look();
  lease.Stop();
  lease.Stop();
  lease.AwaitLook(Soon());  // Nobody looks any more, and nobody waits.
  EXPECT_TRUE(lease.held());
  clocks.Pass(kLease);
  EXPECT_FALSE(lease.held());
}

}  // namespace
}  // namespace twinseal::service
