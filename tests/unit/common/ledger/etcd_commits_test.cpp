#include "common/ledger/etcd_commits.h"

#include <gtest/gtest.h>

#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {
namespace {

class EtcdCommitsTest : public testing::Test {
 protected:
  // Whether the second would go with the first.
  static bool GoTogether(const Transaction& first, const Transaction& second) {
    const ValueSeal seal = TestSeal();
    EtcdCommit one = EtcdCommit::Of(first, seal).value();
    EtcdCommit other = EtcdCommit::Of(second, seal).value();
    EtcdCommitGroup group;
    EXPECT_TRUE(group.Add(one));
    return group.Add(other);
  }

  const Transaction change_{{Absent{"/a"}, UnchangedSince{"/shared", Revision{3}}},
                            {Put{"/a", ToBytes("1")}, Touch{"/touched"}}};
};

TEST_F(EtcdCommitsTest, ChangesOfDifferentKeysGoTogether) {
  EXPECT_TRUE(GoTogether(change_, {{Absent{"/b"}, UnchangedSince{"/shared", Revision{3}}},
                                   {Put{"/b", ToBytes("2")}, Touch{"/touched"}}}));
}

TEST_F(EtcdCommitsTest, NoneWritesWhatAnotherOneWritesOrGuards) {
  EXPECT_FALSE(GoTogether(change_, {{}, {Put{"/a", ToBytes("2")}}}));
  EXPECT_FALSE(GoTogether(change_, {{}, {Remove{"/shared"}}}));
  EXPECT_FALSE(GoTogether(change_, {{UnchangedSince{"/a", Revision{1}}}, {Remove{"/c"}}}));
  EXPECT_FALSE(GoTogether(change_, {{}, {Touch{"/a"}}}));
}

TEST_F(EtcdCommitsTest, NoneGuardsOrWritesWhatAnotherOneTouches) {
  EXPECT_FALSE(GoTogether(change_, {{}, {Put{"/touched", {}}}}));
  EXPECT_FALSE(GoTogether(change_, {{Absent{"/touched"}}, {Remove{"/c"}}}));
}

TEST_F(EtcdCommitsTest, WhatIsToBeAloneIsAlone) {
  Transaction alone{{}, {Put{"/b", {}}}, /*alone=*/true};
  EXPECT_FALSE(GoTogether(change_, alone));
  EXPECT_FALSE(GoTogether(alone, change_));
}

TEST_F(EtcdCommitsTest, LargeOnesGoAlone) {
  Transaction many;
  for (std::size_t i = 0; i < kMaxOperations; ++i) {
    many.writes.push_back(Remove{"/many/" + std::to_string(i)});
  }
  EXPECT_FALSE(GoTogether(change_, many));
  EXPECT_FALSE(GoTogether(many, change_));
  EXPECT_FALSE(GoTogether(change_, {{}, {Put{"/b", Bytes(kMaxTransactionBytes / 2)}}}));
}

TEST_F(EtcdCommitsTest, AnAnswerToSomethingElseIsNoOutcome) {
  const ValueSeal seal = TestSeal();
  const Transaction second{{}, {Put{"/b", {}}}};
  EtcdCommit one = EtcdCommit::Of(change_, seal).value();
  EtcdCommit other = EtcdCommit::Of(second, seal).value();
  EtcdCommitGroup group;
  group.Add(one);
  group.Add(other);
  etcd::TxnResponse response;
  response.add_responses()->mutable_response_txn()->set_succeeded(true);
  group.Take(response);
  EXPECT_TRUE(one.outcome.ok() && one.outcome->committed);
  EXPECT_EQ(other.outcome.error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace twinseal::ledger
