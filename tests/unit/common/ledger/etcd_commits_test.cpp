#include "common/ledger/etcd_commits.h"

#include <gtest/gtest.h>

#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {
namespace {

class EtcdCommitsTest : public testing::Test {
 protected:
  // Whether the second would go with the first.
  bool GoTogether(const Transaction& first, const Transaction& second) const {
    EtcdCommit one = EtcdCommit::Of(first, seal_).value();
    EtcdCommit other = EtcdCommit::Of(second, seal_).value();
    EtcdCommitGroup group;
    EXPECT_TRUE(group.Add(one));
    return group.Add(other);
  }

  const Transaction change_{{Absent{"/a"}, UnchangedSince{"/shared", Revision{3}}},
                            {Put{"/a", ToBytes("1")}, Touch{"/touched"}}};
  const Transaction other_change_{{}, {Put{"/b", {}}, Touch{"/touched"}}};
  const ValueSeal seal_ = TestSeal();
};

TEST_F(EtcdCommitsTest, ChangesOfDifferentKeysGoTogether) {
  EXPECT_TRUE(GoTogether(change_, {{Absent{"/b"}, UnchangedSince{"/shared", Revision{3}}},
                                   {Put{"/b", ToBytes("2")}, Touch{"/touched"}}}));
}

TEST_F(EtcdCommitsTest, NoneWritesWhatAnotherOneWritesOrGuards) {
  const Touch touch{"/touched"};
  EXPECT_FALSE(GoTogether(change_, {{}, {Put{"/a", ToBytes("2")}, touch}}));
  EXPECT_FALSE(GoTogether(change_, {{}, {Remove{"/shared"}, touch}}));
  EXPECT_FALSE(GoTogether(change_, {{UnchangedSince{"/a", Revision{1}}}, {Remove{"/c"}, touch}}));
}

// What a group of commits is asked as: touches stand under each one's guards, and etcd's quota sees
// that something is put.
TEST_F(EtcdCommitsTest, EachTouchesAKeyOfItsOwn) {
  EtcdCommit one = EtcdCommit::Of(change_, seal_).value();
  EtcdCommit other = EtcdCommit::Of(other_change_, seal_).value();
  EtcdCommitGroup group;
  ASSERT_TRUE(group.Add(one) && group.Add(other));
  const etcd::TxnRequest request = group.Request(seal_).value();
  ASSERT_EQ(request.success_size(), 3);
  EXPECT_EQ(request.success(0).request_txn().success(1).request_put().key(), "/touched/0");
  EXPECT_EQ(request.success(1).request_txn().success(1).request_put().key(), "/touched/1");
  EXPECT_TRUE(request.success(2).has_request_put());
}

TEST_F(EtcdCommitsTest, WhatIsToBeAloneIsAlone) {
  const Transaction alone{{}, {Put{"/b", {}}, Touch{"/touched"}}, /*alone=*/true};
  EXPECT_FALSE(GoTogether(change_, alone));
  EXPECT_FALSE(GoTogether(alone, change_));
}

TEST_F(EtcdCommitsTest, LargeOnesGoAlone) {
  Transaction many{{}, {Touch{"/touched"}}};
  for (std::size_t i = 1; i < kMaxOperations; ++i) {
    many.writes.push_back(Remove{"/many/" + std::to_string(i)});
  }
  EXPECT_FALSE(GoTogether(change_, many));
  EXPECT_FALSE(GoTogether(many, change_));
  EXPECT_FALSE(
      GoTogether(change_, {{}, {Put{"/b", Bytes(kMaxTransactionBytes / 2)}, Touch{"/touched"}}}));
}

TEST_F(EtcdCommitsTest, AnAnswerToSomethingElseIsNoOutcome) {
  EtcdCommit one = EtcdCommit::Of(change_, seal_).value();
  EtcdCommit other = EtcdCommit::Of(other_change_, seal_).value();
  EtcdCommitGroup group;
  ASSERT_TRUE(group.Add(one) && group.Add(other));
  etcd::TxnResponse response;
  response.add_responses()->mutable_response_txn()->set_succeeded(true);
  group.Take(response);
  EXPECT_TRUE(one.outcome.ok() && one.outcome->committed);
  EXPECT_EQ(other.outcome.error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace twinseal::ledger
