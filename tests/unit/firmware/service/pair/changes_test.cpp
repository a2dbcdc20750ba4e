// Changes of keys behind the barrier of a pair, while the other site comes and goes.
#include <gmock/gmock.h>

#include "firmware/service/pair/pair_barrier.h"
#include "tests/unit/firmware/service/keys/key_store_fixture.h"
#include "tests/unit/firmware/service/pair/site_lease_fixture.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using test::Succeeds;

// Has whatever it is asked for.
class SiteThatIsLevel : public OtherSite {
 public:
  bool WaitUntil(ledger::Revision, Deadline) override { return true; }
  Contact contact() const override { return {true, "", {}}; }
};

class ChangesTest : public KeyStoreFixture {
 protected:
  ChangesTest()
      : KeyStoreFixture(std::make_unique<PairBarrier>([this] { return now_; }, clocks_.boot())) {}
  ~ChangesTest() override {
    barrier().Close();
    lease_.Stop();
  }

  PairBarrier& barrier() { return static_cast<PairBarrier&>(*barrier_); }
  void Open() {
    lease_.Start();
    lease_.AwaitLook(Soon());
    PairBarrier::Others others;
    others["b"] = std::make_unique<SiteThatIsLevel>();
    barrier().Open(lease_, ledger_, std::move(others));
  }
  void SetStanding(v1::SiteStanding::Standing standing) {
    v1::SiteStanding record;
    record.set_standing(standing);
    ledger::Transaction transaction;
    transaction.writes.push_back(
        ledger::Put{StandingPath("b"), ToBytes(record.SerializeAsString())});
    EXPECT_THAT(ledger_.Commit(transaction), Succeeds());
  }

  SetClocks clocks_;
  SiteLease lease_{*SiteName::Parse("a"), ledger_, feed_->applied(), clocks_.wall(),
                   clocks_.boot()};
};

TEST_F(ChangesTest, NoneIsMadeBeforeTheOtherSitesAreMet) {
  EXPECT_EQ(Create("k", "request-1").error().code(), Code::kUnavailable);
  // Which is what the site's own keys are for.
  v1::CreateKeyRequest request;
  request.set_name("twinseal.audit.a");
  EXPECT_THAT(store_->CreateOwn(Asked("own", request, "request-2"),
                                *KeyName::Parse("twinseal.audit.a"), v1::EC_P256),
              Succeeds());
  EXPECT_EQ(store_->DestroyIfDue(directory_->Find("twinseal.audit.a")->id, Soon()).error().code(),
            Code::kUnavailable);
  Open();
  EXPECT_THAT(Create("k", "request-1"), Succeeds());
}

// What this site goes by is as old as its last look; a change that fails for that reason is tried
// again after another look.
TEST_F(ChangesTest, ASiteThatComesBackFailsNoChange) {
  Open();
  ASSERT_THAT(Create("k", "request-1"), Succeeds());
  for (int round = 0; round < 3; ++round) {
    SetStanding(v1::SiteStanding::SUSPENDED);
    lease_.AwaitLook(Soon());
    clocks_.Pass(kLease + kLeaseMargin + milliseconds(1));
    lease_.AwaitLook(Soon());
    const std::string id = "request-" + std::to_string(2 * round + 2);
    ASSERT_THAT(DisableKey("k", id), Succeeds());
    ledger_.before_commit = [this] { SetStanding(v1::SiteStanding::ACTIVE); };
    const std::string next = "request-" + std::to_string(2 * round + 3);
    EXPECT_THAT(Change("k", next, "EnableKey", Enable), Succeeds());
  }
}

}  // namespace
}  // namespace twinseal::service
