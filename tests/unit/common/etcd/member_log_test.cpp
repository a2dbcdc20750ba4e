// What etcd's lines mean for the user. The lines are etcd 3.4.23's and 3.5.16's own.
#include "common/etcd/member_log.h"

#include <vector>

#include <gmock/gmock.h>

namespace twinseal::etcd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MemberLogTest : public testing::Test {
 protected:
  void Print(const std::string& text) { log_.Take(text, now_); }

  MemberLog::Clock::time_point now_;
  std::vector<std::string> told_;
  MemberLog log_{"/var/lib/etcd", [this](const std::string& line) { told_.push_back(line); }};
};

TEST_F(MemberLogTest, TellsThatItServesAndNothingOfThat) {
  Print(R"({"level":"info","ts":"2026-01-01T00:00:00.000Z","caller":"embed/serve.go:188",)");
  EXPECT_FALSE(log_.serving());
  Print("\"msg\":\"serving client traffic securely\",\"address\":\"127.0.0.1:2379\"}\n");
  EXPECT_TRUE(log_.serving());
  EXPECT_TRUE(told_.empty());
}

TEST_F(MemberLogTest, AWarningIsToldWithItsDetails) {
  Print(R"({"level":"warn","ts":"x","caller":"rafthttp/stream.go:436","msg":"lost TCP streaming )"
        R"(connection with remote peer","remote-peer-id":"2f","error":"EOF"})"
        "\n");
  EXPECT_THAT(told_, ElementsAre("lost TCP streaming connection with remote peer (error: EOF, "
                                 "remote-peer-id: 2f)"));
}

TEST_F(MemberLogTest, WhatRepeatsItselfIsToldOnceAMinute) {
  const std::string line =
      R"({"level":"warn","msg":"prober detected unhealthy status","remote-peer-id":"2f"})"
      "\n";
  for (int i = 0; i < 13; ++i) {
    Print(line);
    now_ += std::chrono::seconds(5);
  }
  EXPECT_THAT(told_, ElementsAre(HasSubstr("prober"), HasSubstr("; 11 more such since")));
}

TEST_F(MemberLogTest, WhatSaysNothingAndWhatFollowsFromBeingStoppedIsNotTold) {
  Print(R"({"level":"warn","msg":"simple token is not cryptographically signed"})"
        "\n");
  Print(R"({"level":"info","msg":"updated cluster version","from":"3.0","from":"3.4"})"
        "\n");
  log_.Ending();
  Print(R"({"level":"warn","msg":"lost TCP streaming connection with remote peer"})"
        "\n");
  EXPECT_THAT(told_, testing::IsEmpty());
}

TEST_F(MemberLogTest, AFullDiskIsExplained) {
  Print(R"({"level":"fatal","ts":"x","caller":"etcdserver/raft.go:233","msg":"failed to save Raft )"
        R"(hard state and entries","error":"write /var/lib/etcd/member/wal/0.wal: no space left )"
        R"(on device","stacktrace":"a\nb"})"
        "\n");
  EXPECT_THAT(log_.Reason(now_), HasSubstr("the disk that holds /var/lib/etcd is full"));
}

TEST_F(MemberLogTest, LastWordsThatNobodyKnowsAreTold) {
  Print(R"({"level":"fatal","msg":"something new","error":"odd"})"
        "\n");
  EXPECT_EQ(log_.Reason(now_), "something new (error: odd)");
}

TEST_F(MemberLogTest, AnExplanationIsNotLostToWhatFollowsFromIt) {
  Print(R"({"level":"error","msg":"x","error":"bind: address already in use"})"
        "\n");
  Print(R"({"level":"fatal","msg":"discovery failed","error":"whatever"})"
        "\n");
  EXPECT_THAT(log_.Reason(now_), HasSubstr("the port that peer_listen names is taken"));
}

TEST_F(MemberLogTest, APanicWithoutALogLineIsToldWithoutItsStacks) {
  Print(
      "panic: tocommit(7) is out of range [lastIndex(4)]. Was the raft log corrupted, truncated, "
      "or lost?\n\ngoroutine 1 [running]:\nmain.main()\n");
  EXPECT_THAT(told_, ElementsAre(HasSubstr("panic: tocommit(7)")));
  EXPECT_THAT(log_.Reason(now_), HasSubstr("/var/lib/etcd is an older copy"));
}

TEST_F(MemberLogTest, WhatWasWrongLongBeforeTheEndIsNotWhy) {
  Print(R"({"level":"info","msg":"serving client traffic securely"})"
        "\n");
  Print(R"({"level":"error","msg":"x","error":"permission denied"})"
        "\n");
  EXPECT_THAT(log_.Reason(now_), HasSubstr("may not read or write"));
  EXPECT_EQ(log_.Reason(now_ + std::chrono::minutes(1)), "");
}

TEST_F(MemberLogTest, ALineWithoutItsEndCountsOnceTheProcessHasEnded) {
  Print("flag provided but not defined: -pre-vote");
  EXPECT_EQ(log_.Reason(now_), "");
  log_.End(now_);
  EXPECT_EQ(log_.Reason(now_), "flag provided but not defined: -pre-vote");
}

TEST_F(MemberLogTest, LinesThatDoNotEndAreCut) {
  for (int i = 0; i < 100; ++i) Print(std::string(1000, 'x'));
  Print("\n");
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_LE(told_[0].size(), 8192U);
}

}  // namespace
}  // namespace twinseal::etcd
