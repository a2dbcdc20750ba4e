#include "firmware/service/pair/pair_barrier.h"

#include <gmock/gmock.h>

#include "tests/unit/firmware/service/pair/site_lease_fixture.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Another site, as far as it has said how far it is. It is never waited for: what is asked of it is
// put down.
class FakeSite : public OtherSite {
 public:
  struct Told {
    ledger::Revision has{};
    Contact contact{true, "", steady_clock::now()};
    std::vector<Deadline> waited;  // Until when it was waited for what it has not said.
  };
  explicit FakeSite(std::shared_ptr<Told> told) : told_(std::move(told)) {}

  bool WaitUntil(ledger::Revision revision, Deadline deadline) override {
    if (told_->has >= revision) return true;
    told_->waited.push_back(deadline);
    return false;
  }
  Contact contact() const override { return told_->contact; }

 private:
  std::shared_ptr<Told> told_;
};

// Site a's barrier; sites b and c are the others.
class PairBarrierTest : public SiteLeaseFixture {
 protected:
  PairBarrierTest() {
    lease.Start();
    Look();
    PairBarrier::Others others;
    others["b"] = std::make_unique<FakeSite>(b);
    others["c"] = std::make_unique<FakeSite>(c);
    barrier.Open(lease, ledger, std::move(others));
  }
  ~PairBarrierTest() override { barrier.Close(); }

  struct Prepared {
    ledger::Outcome outcome;
    Barrier::Terms terms;
  };
  // A change of a key that is committed.
  Prepared Commit() {
    ledger::Transaction change;
    change.writes.push_back(ledger::Put{"/key/1", ToBytes("k")});
    Prepared prepared;
    prepared.terms = barrier.Prepare(change);
    prepared.outcome = *ledger.Commit(change);
    return prepared;
  }
  std::vector<v1::UninformedSite> Await(const Prepared& prepared, const v1::Key& before) {
    return barrier.Await(prepared.terms, before, prepared.outcome.revision);
  }
  static void Lose(FakeSite::Told& site, seconds since) {
    site.contact = {false, "its link is cut", steady_clock::now() - since};
  }
  // Its standing is such, as a look has found it so long ago that its lease is over for certain.
  void PutOut(const std::string& site, v1::SiteStanding::Standing standing) {
    SetStanding(site, standing);
    Look();
    clocks.Pass(kLease + kLeaseMargin + milliseconds(1));
    Look();
  }

  std::shared_ptr<FakeSite::Told> b = std::make_shared<FakeSite::Told>();
  std::shared_ptr<FakeSite::Told> c = std::make_shared<FakeSite::Told>();
  PairBarrier barrier{clocks.wall(), clocks.boot()};
  const v1::Key continues = KeyThat(v1::CONTINUE, 10);
  const v1::Key stops = KeyThat(v1::STOP);
};

MATCHER_P2(Uninformed, site, until, "") {
  return arg.site() == site && arg.may_sign_until_unix_ms() == until;
}

TEST_F(PairBarrierTest, KnowsTheOtherSites) {
  EXPECT_THAT(barrier.OtherSites(), ElementsAre(*SiteName::Parse("b"), *SiteName::Parse("c")));
  Lose(*c, seconds(1));
  const auto contacts = barrier.contacts();
  EXPECT_TRUE(contacts.at("b").reachable);
  EXPECT_FALSE(contacts.at("c").reachable);
  EXPECT_EQ(contacts.at("c").reason, "its link is cut");
}

TEST_F(PairBarrierTest, AChangeTellsTheOthersThatThereIsOne) {
  const Prepared change = Commit();
  ASSERT_TRUE(change.outcome.committed);
  EXPECT_EQ((*ledger.Get(std::string(kChangedPath) + "/0"))->modified, change.outcome.revision);
  EXPECT_THAT(change.terms.out, IsEmpty());
}

TEST_F(PairBarrierTest, SitesThatHaveTheChangeAreNotWaitedForAnyMore) {
  const Prepared change = Commit();
  b->has = change.outcome.revision;
  c->has = ledger::Revision{ledger::Number(change.outcome.revision) + 5};
  EXPECT_THAT(Await(change, continues), IsEmpty());
  EXPECT_THAT(b->waited, IsEmpty());
  EXPECT_THAT(c->waited, IsEmpty());
}

TEST_F(PairBarrierTest, EverySiteIsWaitedForUntilItsLeaseIsOver) {
  const Prepared change = Commit();
  const Deadline earliest = steady_clock::now() + kLease + kLeaseMargin;
  (void)Await(change, stops);
  ASSERT_EQ(b->waited.size(), 1U);
  ASSERT_EQ(c->waited.size(), 1U);
  EXPECT_GE(b->waited[0], earliest);
  // One time for all of them, however many there are.
  EXPECT_EQ(b->waited[0], c->waited[0]);
}

TEST_F(PairBarrierTest, NamesWhoMayGoOnAndUntilWhen) {
  const Prepared change = Commit();
  b->has = change.outcome.revision;
  const std::int64_t until = SetClocks::kStart + 10'000 + kLease.count();
  EXPECT_THAT(Await(change, continues), ElementsAre(Uninformed("c", until)));
  b->has = {};
  EXPECT_THAT(Await(change, continues),
              UnorderedElementsAre(Uninformed("b", until), Uninformed("c", until)));
}

TEST_F(PairBarrierTest, NamesNobodyWhoMayNotGoOn) {
  const Prepared change = Commit();
  EXPECT_THAT(Await(change, stops), IsEmpty());
  v1::Key disabled = continues;
  disabled.set_state(v1::DISABLED);
  EXPECT_THAT(Await(change, disabled), IsEmpty());
  // There was no such key.
  EXPECT_THAT(Await(change, {}), IsEmpty());
}

TEST_F(PairBarrierTest, GoesByTheRuleThatTheKeyHasAtEachSite) {
  v1::Key key = stops;
  v1::SitePolicy& own = *key.mutable_policy()->add_at_sites();
  own.set_site("c");
  own.set_isolation(v1::CONTINUE);
  own.set_isolation_seconds(10);
  const std::int64_t until = SetClocks::kStart + 10'000 + kLease.count();
  EXPECT_THAT(Await(Commit(), key), ElementsAre(Uninformed("c", until)));
}

// It was disabled without this site's hearing of it, so to this site it may be enabled still.
TEST_F(PairBarrierTest, WhoHasNotHeardOfWhatWasBeforeMayActOnSomethingOlder) {
  v1::Key disabled = continues;
  disabled.set_state(v1::DISABLED);
  const Prepared earlier = Commit();
  Prepared change = Commit();
  change.terms.before_recorded = earlier.outcome.revision;
  b->has = change.terms.before_recorded;
  Lose(*b, seconds(0));
  Lose(*c, seconds(0));
  const auto uninformed = Await(change, disabled);
  ASSERT_EQ(uninformed.size(), 1U);
  EXPECT_EQ(uninformed[0].site(), "c");
}

// The policy was made stricter while site c was away: to it the older one is in force.
TEST_F(PairBarrierTest, WhoHasNotHeardOfAStricterPolicyMayActByTheLaxerOne) {
  v1::Key key = stops;
  key.mutable_older_rule()->set_isolation_seconds(10);
  const Prepared earlier = Commit();
  Prepared change = Commit();
  change.terms.before_recorded = earlier.outcome.revision;
  b->has = change.terms.before_recorded;
  Lose(*b, seconds(0));
  Lose(*c, seconds(0));
  const std::int64_t until = SetClocks::kStart + 10'000 + kLease.count();
  EXPECT_THAT(Await(change, key), ElementsAre(Uninformed("c", until)));
  // As one that is suspended, too, and whether or not the key is disabled by now.
  PutOut("c", v1::SiteStanding::SUSPENDED);
  change = Commit();
  change.terms.before_recorded = b->has;
  EXPECT_THAT(change.terms.out, ElementsAre("c"));
  key.set_state(v1::DISABLED);
  EXPECT_EQ(Await(change, key).size(), 1U);
}

TEST_F(PairBarrierTest, ASiteThatHasNotHeardThatItLostTheKeyIsWaitedFor) {
  v1::Key key = continues;
  key.mutable_policy()->add_sites("a");
  key.mutable_older_rule()->add_sites("c");
  const Prepared earlier = Commit();
  Prepared change = Commit();
  change.terms.before_recorded = earlier.outcome.revision;
  b->has = earlier.outcome.revision;
  EXPECT_THAT(Await(change, key), IsEmpty());  // It stopped when it was isolated.
  EXPECT_THAT(b->waited, IsEmpty());
  EXPECT_GE(c->waited.back(), steady_clock::now());
  c->waited.clear();
  c->has = earlier.outcome.revision;
  EXPECT_THAT(Await(change, key), IsEmpty());
  EXPECT_THAT(c->waited, IsEmpty());
}

TEST_F(PairBarrierTest, KnowsWhetherAllHaveHeardOfAChange) {
  const ledger::Revision revision = Commit().outcome.revision;
  b->has = revision;
  EXPECT_FALSE(barrier.AllHave(revision));
  c->has = revision;
  EXPECT_TRUE(barrier.AllHave(revision));
}

TEST_F(PairBarrierTest, ASiteThatDoesNotHoldTheKeyIsNotWaitedFor) {
  v1::Key key = continues;
  key.mutable_policy()->add_sites("a");
  key.mutable_policy()->add_sites("c");
  const Prepared change = Commit();
  const auto uninformed = Await(change, key);
  ASSERT_EQ(uninformed.size(), 1U);
  EXPECT_EQ(uninformed[0].site(), "c");
  EXPECT_THAT(b->waited, IsEmpty());
}

TEST_F(PairBarrierTest, ASiteThatIsAwayIsNotWaitedForWhenNothingCouldGoWrongThere) {
  v1::Key disabled = continues;
  disabled.set_state(v1::DISABLED);
  Lose(*b, seconds(0));
  const Prepared change = Commit();
  c->has = change.outcome.revision;
  EXPECT_THAT(Await(change, disabled), IsEmpty());
  EXPECT_THAT(b->waited, IsEmpty());
  // One that is there is: the caller may go there next.
  c->has = {};
  EXPECT_THAT(Await(change, disabled), IsEmpty());
  EXPECT_EQ(c->waited.size(), 1U);
}

TEST_F(PairBarrierTest, SuspendsASiteThatWasAwayForLong) {
  Lose(*b, seconds(4));
  const Prepared change = Commit();
  c->has = change.outcome.revision;
  clocks.Pass(milliseconds(500));
  EXPECT_EQ(Await(change, continues).size(), 1U);
  EXPECT_EQ(StandingOf("b").standing(), v1::SiteStanding::SUSPENDED);
  EXPECT_EQ(StandingOf("b").since_unix_ms(), SetClocks::kStart + 500);
  EXPECT_FALSE((*ledger.Get(StandingPath("c"))).has_value());
}

TEST_F(PairBarrierTest, SuspendsNobodyWhoWasAwayForAMomentOrIsThere) {
  Lose(*b, seconds(2));
  (void)Await(Commit(), continues);  // Site c is there and slow.
  EXPECT_FALSE((*ledger.Get(StandingPath("b"))).has_value());
  EXPECT_FALSE((*ledger.Get(StandingPath("c"))).has_value());
}

TEST_F(PairBarrierTest, SuspendsNobodyWhoIsInMaintenance) {
  SetStanding("b", v1::SiteStanding::MAINTENANCE);
  Look();
  Lose(*b, seconds(4));
  (void)Await(Commit(), continues);
  EXPECT_EQ(StandingOf("b").standing(), v1::SiteStanding::MAINTENANCE);
  // Nor when that began after the last look.
  Lose(*c, seconds(4));
  const Prepared change = Commit();
  ledger.before_commit = [this] { SetStanding("c", v1::SiteStanding::MAINTENANCE); };
  (void)Await(change, continues);
  EXPECT_EQ(StandingOf("c").standing(), v1::SiteStanding::MAINTENANCE);
}

TEST_F(PairBarrierTest, ASuspendedSiteIsWaitedForUntilItsLeaseIsOverForCertain) {
  SetStanding("b", v1::SiteStanding::SUSPENDED);
  Look();
  EXPECT_THAT(Commit().terms.out, IsEmpty());
  clocks.Pass(kLease + kLeaseMargin);
  Look();
  EXPECT_THAT(Commit().terms.out, IsEmpty());
  clocks.Pass(std::chrono::nanoseconds(1));
  EXPECT_THAT(Commit().terms.out, ElementsAre("b"));
}

TEST_F(PairBarrierTest, ASuspendedSiteIsNamedWithoutWaiting) {
  PutOut("b", v1::SiteStanding::SUSPENDED);
  const Prepared change = Commit();
  ASSERT_TRUE(change.outcome.committed);
  c->has = change.outcome.revision;
  const auto uninformed = Await(change, continues);
  ASSERT_EQ(uninformed.size(), 1U);
  EXPECT_EQ(uninformed[0].site(), "b");
  EXPECT_THAT(b->waited, IsEmpty());
  EXPECT_THAT(Await(change, stops), IsEmpty());
}

// It signs nothing, whatever a key's policy says.
TEST_F(PairBarrierTest, ASiteInMaintenanceIsNeitherWaitedForNorNamed) {
  PutOut("b", v1::SiteStanding::MAINTENANCE);
  const Prepared change = Commit();
  c->has = change.outcome.revision;
  EXPECT_THAT(change.terms.out, ElementsAre("b"));
  EXPECT_THAT(Await(change, continues), IsEmpty());
  EXPECT_THAT(b->waited, IsEmpty());
}

// Between the preparation and the commit the site has come back.
TEST_F(PairBarrierTest, AChangeThatLeavesASiteOutHoldsOnlyWhileThatIsOut) {
  PutOut("b", v1::SiteStanding::SUSPENDED);
  ledger.before_commit = [this] { SetStanding("b", v1::SiteStanding::ACTIVE); };
  EXPECT_FALSE(Commit().outcome.committed);
  Look();
  const Prepared again = Commit();
  EXPECT_TRUE(again.outcome.committed);
  EXPECT_THAT(again.terms.out, IsEmpty());
}

// What was answered before is answered again under no terms at all.
TEST_F(PairBarrierTest, WithoutTermsEverySiteIsWaitedFor) {
  PutOut("b", v1::SiteStanding::SUSPENDED);
  const Prepared change = Commit();
  (void)barrier.Await({}, continues, change.outcome.revision);
  EXPECT_EQ(b->waited.size(), 1U);
  EXPECT_EQ(c->waited.size(), 1U);
}

TEST_F(PairBarrierTest, WhatIsNearbyIsCurrentWhileTheLeaseIsHeld) {
  EXPECT_TRUE(barrier.NearbyIsCurrent());
  EXPECT_THAT(barrier.MayChange(), Succeeds());
  CutOff();
  clocks.Pass(kLease);
  EXPECT_FALSE(barrier.NearbyIsCurrent());
  EXPECT_THAT(barrier.MayChange(), FailsWith(Code::kUnavailable, "majority"));
}

TEST_F(PairBarrierTest, IsNotCurrentBeforeItIsOpen) {
  const PairBarrier closed(clocks.wall(), clocks.boot());
  EXPECT_FALSE(closed.NearbyIsCurrent());
  EXPECT_THAT(closed.OtherSites(), IsEmpty());
  EXPECT_TRUE(closed.contacts().empty());
  EXPECT_THAT(closed.MayChange(), FailsWith(Code::kUnavailable, "ask another site"));
}

}  // namespace
}  // namespace twinseal::service
