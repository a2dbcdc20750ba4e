#include "firmware/service/pair/departure.h"

#include <gmock/gmock.h>

#include "firmware/service/pair/pair_paths.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class DepartureTest : public ServiceFixture {
 protected:
  DepartureTest() { Be(v1::PairState::PAIRED); }

  void Be(v1::PairState::Phase phase) {
    ASSERT_THAT(file_->Change([phase](v1::PairState& state) {
      state.set_site("a");
      state.set_phase(phase);
    }),
                Succeeds());
  }
  Status Leave(const std::string& named) {
    v1::LeavePairRequest request;
    request.set_site(named);
    return departure_.Leave(request);
  }
  Status Recover(const std::string& named) {
    v1::RecoverPairRequest request;
    request.set_site(named);
    return departure_.Recover(request);
  }

  std::unique_ptr<PairFile> file_ = *PairFile::Open(folder.path());
  int restarts_ = 0;
  Departure departure_{*file_, ledger, *audit, "a", [this] { ++restarts_; }};
};

TEST_F(DepartureTest, ASiteLeavesWithTheLedger) {
  ASSERT_THAT(Leave("a"), Succeeds());
  EXPECT_EQ(ToString((*ledger.Get(kLeftPath))->value), "a");
  EXPECT_EQ(file_->state().phase(), v1::PairState::LEAVING);
  EXPECT_FALSE(file_->state().recovering());
  EXPECT_EQ(restarts_, 1);
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_EQ(Records()[0].operation(), "pair/Leave");
  // The answer may not have been heard.
  EXPECT_THAT(Leave("a"), Succeeds());
  EXPECT_EQ(Records().size(), 1U);
}

TEST_F(DepartureTest, AnApplianceThatWasReplacedTakesNothingAlong) {
  Be(v1::PairState::FENCED);
  EXPECT_THAT(Leave("a"), FailsWith(Code::kFailedPrecondition, "it is fenced"));
  EXPECT_THAT(Recover("a"), FailsWith(Code::kFailedPrecondition, "it is fenced"));
  EXPECT_EQ(restarts_, 0);
}

TEST_F(DepartureTest, OnlyOneSiteTakesItAlong) {
  ledger::Transaction other;
  other.writes.push_back(ledger::Put{std::string(kLeftPath), ToBytes("b")});
  ASSERT_THAT(ledger.Commit(other), Succeeds());
  EXPECT_THAT(Leave("a"), FailsWith(Code::kFailedPrecondition, "site b has left"));
  EXPECT_EQ(file_->state().phase(), v1::PairState::PAIRED);
  EXPECT_EQ(restarts_, 0);
}

TEST_F(DepartureTest, FinishesALeaveThatEndedAfterTheLedgerHadIt) {
  audit->Stop();
  EXPECT_FALSE(Leave("a").ok());
  EXPECT_EQ(file_->state().phase(), v1::PairState::PAIRED);
  audit = *audit::AuditLog::Open(folder.path() / "audit-2.db", site);
  Departure again(*file_, ledger, *audit, "a", [this] { ++restarts_; });
  v1::LeavePairRequest request;
  request.set_site("a");
  EXPECT_THAT(again.Leave(request), Succeeds());
  EXPECT_EQ(restarts_, 1);
}

TEST_F(DepartureTest, NeedsTheMajorityOrTheLastResort) {
  ledger.fault = [](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    return MemoryLedger::Fault{Error(Code::kUnavailable, "no majority"), false};
  };
  EXPECT_THAT(Leave("a"), FailsWith(Code::kUnavailable, "no majority"));
  EXPECT_EQ(file_->state().phase(), v1::PairState::PAIRED);
}

TEST_F(DepartureTest, MeansTheSiteThatIsNamed) {
  EXPECT_THAT(Leave("b"), FailsWith(Code::kInvalidArgument, "this is site a, not b"));
  EXPECT_THAT(Recover("b"), FailsWith(Code::kInvalidArgument, "this is site a, not b"));
  EXPECT_THAT(Leave(""), FailsWith(Code::kInvalidArgument, "this is site a"));
  EXPECT_EQ(file_->state().phase(), v1::PairState::PAIRED);
}

TEST_F(DepartureTest, ASiteOfNoPairHasNothingToLeave) {
  Be(v1::PairState::ALONE);
  EXPECT_THAT(Leave("a"), FailsWith(Code::kFailedPrecondition, "belongs to no pair"));
  EXPECT_THAT(Recover("a"), FailsWith(Code::kFailedPrecondition, "belongs to no pair"));
  Be(v1::PairState::MOVING);
  EXPECT_THAT(Leave("a"), FailsWith(Code::kFailedPrecondition, "twinseal pair abort"));
}

}  // namespace
}  // namespace twinseal::service
