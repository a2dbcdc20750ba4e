#include "common/ledger/leader_term.h"

#include <gtest/gtest.h>

#include "common/ledger/etcd_ledger.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_member.h"
#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {
namespace {

class LeaderTermTest : public testing::Test {
 protected:
  std::unique_ptr<etcd::Gateway> GatewayTo(const std::string& name) const {
    return etcd::Gateway::Create(cluster_.GatewayTo({name})).value();
  }

  // From whoever has it to another.
  void MoveLeadership() const { cluster_.MakeLeader(cluster_.Leader() == "a" ? "b" : "a"); }

  test::EtcdCluster cluster_{{"a", "b", "c"}};
};

TEST_F(LeaderTermTest, PassesWhenAnotherLeads) {
  cluster_.StartAll();
  const auto gateway = GatewayTo("a");
  LeaderTerm term(*gateway);
  while (!term.HasPassed(0, 0)) {
  }
  const std::uint64_t first = term.latest();
  EXPECT_GT(first, 0U);
  EXPECT_FALSE(term.HasPassed(first, 0));
  MoveLeadership();
  const auto end = std::chrono::steady_clock::now() + test::EtcdCluster::kPatience;
  while (!term.HasPassed(first, 0) && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_TRUE(term.HasPassed(first, 0));
  EXPECT_GT(term.latest(), first);
}

TEST_F(LeaderTermTest, WhoDoesNotAnswerKnowsOfNoLeader) {
  test::EtcdMember member;
  const auto gateway = etcd::Gateway::Create(member.options()).value();
  LeaderTerm term(*gateway);
  member.Suspend();
  EXPECT_FALSE(term.HasPassed(0, 0));
  member.Resume();
}

TEST_F(LeaderTermTest, KnowsTheLatestThatAnyAnswerTold) {
  test::EtcdMember member;
  const auto gateway = etcd::Gateway::Create(member.options()).value();
  LeaderTerm term(*gateway);
  term.Saw(7);
  term.Saw(3);
  EXPECT_EQ(term.latest(), 7U);
}

TEST_F(LeaderTermTest, ReadsAndChangesGoOnUnderTheNextLeader) {
  cluster_.StartAll();
  const auto ledger = EtcdLedger::Open(cluster_.GatewayTo({"a"}), TestSeal()).value();
  for (int moved = 0; moved < 3; ++moved) {
    MoveLeadership();
    const std::string key = "/k/" + std::to_string(moved);
    ASSERT_TRUE(CommitForCertain(*ledger, {{}, {Put{key, ToBytes("x")}}}).ok());
    EXPECT_TRUE(ledger->Get(key).value().has_value());
  }
}

}  // namespace
}  // namespace twinseal::ledger
