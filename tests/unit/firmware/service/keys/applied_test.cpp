#include "firmware/service/keys/applied.h"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinseal::service {
namespace {

using ledger::Revision;
using std::chrono::hours;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AppliedTest : public ::testing::Test {
 protected:
  static Deadline Soon() { return steady_clock::now() + seconds(30); }
  static Deadline Long() { return steady_clock::now() + hours(1); }

  // Puts down what it was told.
  std::function<void(Revision)> Hears() {
    return [this](Revision revision) { heard_.push_back(ledger::Number(revision)); };
  }

  Applied applied_;
  std::vector<std::uint64_t> heard_;
};

TEST_F(AppliedTest, OnlyRises) {
  EXPECT_EQ(applied_.now(), Revision{});
  applied_.Advance(Revision{5});
  applied_.Advance(Revision{3});
  EXPECT_EQ(applied_.now(), Revision{5});
  applied_.Advance(Revision{6});
  EXPECT_EQ(applied_.now(), Revision{6});
}

TEST_F(AppliedTest, WhatIsThereIsNotWaitedFor) {
  applied_.Advance(Revision{5});
  const Deadline over = steady_clock::now();
  EXPECT_TRUE(applied_.WaitUntil(Revision{}, over));
  EXPECT_TRUE(applied_.WaitUntil(Revision{5}, over));
  EXPECT_FALSE(applied_.WaitUntil(Revision{6}, over));
}

TEST_F(AppliedTest, EveryoneWhoWaitsIsWokenWhenItIsThere) {
  const auto wait = [this](std::uint64_t revision) {
    return std::async(std::launch::async,
                      [this, revision] { return applied_.WaitUntil(Revision{revision}, Soon()); });
  };
  std::future<bool> five = wait(5);
  std::future<bool> six = wait(6);
  applied_.Advance(Revision{4});
  applied_.Advance(Revision{7});
  EXPECT_TRUE(five.get());
  EXPECT_TRUE(six.get());
}

TEST_F(AppliedTest, TellsAtOnceWhatIsThere) {
  applied_.Advance(Revision{5});
  applied_.When(Revision{4}, Long(), Hears());
  applied_.When(Revision{5}, Long(), Hears());
  EXPECT_THAT(heard_, ElementsAre(5, 5));
}

TEST_F(AppliedTest, TellsEachOnceWhenItIsThere) {
  applied_.When(Revision{2}, Long(), Hears());
  applied_.When(Revision{7}, Long(), Hears());
  applied_.When(Revision{4}, Long(), Hears());
  applied_.Advance(Revision{1});
  EXPECT_THAT(heard_, IsEmpty());
  applied_.Advance(Revision{5});
  EXPECT_THAT(heard_, ElementsAre(5, 5));
  applied_.Advance(Revision{6});
  EXPECT_EQ(heard_.size(), 2U);
  applied_.Advance(Revision{9});
  EXPECT_THAT(heard_, ElementsAre(5, 5, 9));
  applied_.Advance(Revision{10});
  EXPECT_EQ(heard_.size(), 3U);
}

TEST_F(AppliedTest, WhoIsToldMayAskForTheNext) {
  applied_.When(Revision{1}, Long(), [this](Revision revision) {
    Hears()(revision);
    applied_.When(Revision{3}, Long(), Hears());
    applied_.When(Revision{2}, Long(), Hears());
  });
  applied_.Advance(Revision{2});
  EXPECT_THAT(heard_, ElementsAre(2, 2));
  applied_.Advance(Revision{3});
  EXPECT_THAT(heard_, ElementsAre(2, 2, 3));
}

TEST_F(AppliedTest, WhoHasWaitedLongEnoughHearsHowFarItIs) {
  applied_.Advance(Revision{3});
  applied_.When(Revision{9}, steady_clock::now(), Hears());
  applied_.When(Revision{9}, Long(), Hears());
  EXPECT_THAT(heard_, IsEmpty());
  applied_.AnswerLate();
  EXPECT_THAT(heard_, ElementsAre(3));
  applied_.AnswerLate();
  EXPECT_THAT(heard_, ElementsAre(3));
  applied_.Advance(Revision{9});
  EXPECT_THAT(heard_, ElementsAre(3, 9));
}

}  // namespace
}  // namespace twinseal::service
