#include "common/client/health.h"

#include <gmock/gmock.h>

namespace twinseal::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr std::string_view kSign = "/Sign";
constexpr std::string_view kCreate = "/Create";

https::Timing Connected(milliseconds connecting) {
  return {connecting, milliseconds(0), milliseconds(2)};
}
https::Timing Kept(milliseconds answering = milliseconds(2)) {
  return {milliseconds(0), milliseconds(0), answering};
}

class HealthTest : public testing::Test {
 protected:
  std::vector<std::size_t> Order(std::string_view procedure = kSign) {
    return health_.Order(procedure, false, now_).order;
  }
  Health::Plan Plan(std::string_view procedure = kSign) {
    return health_.Order(procedure, true, now_);
  }
  void Measured(std::size_t endpoint, milliseconds round_trip) {
    health_.Answered(endpoint, kSign, {milliseconds(5), round_trip, milliseconds(2)}, now_);
  }
  void Asked(std::size_t endpoint, milliseconds ago, bool overdue = true) {
    health_.Silent(endpoint, kSign, Kept(), {now_ - ago, overdue, false}, now_);
  }

  Time now_ = Time(std::chrono::hours(1000));
  Health health_{3, now_};
};

TEST_F(HealthTest, TheConfiguredOrderDecidesWhenNothingIsKnown) {
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  Measured(1, milliseconds(3));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
}

TEST_F(HealthTest, TheNearestComesFirst) {
  Measured(0, milliseconds(160));
  Measured(1, milliseconds(90));
  Measured(2, milliseconds(4));
  EXPECT_THAT(Order(), ElementsAre(2, 1, 0));
}

TEST_F(HealthTest, WhatIsAboutAsNearKeepsTheConfiguredOrder) {
  Measured(0, milliseconds(9));
  Measured(1, milliseconds(3));
  Measured(2, milliseconds(2));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
}

TEST_F(HealthTest, OnlyTheShortestRoundTripsOfLateCount) {
  Measured(0, milliseconds(4));
  Measured(1, milliseconds(20));
  for (int i = 0; i < 32; ++i) Measured(0, milliseconds(300));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  now_ += minutes(5);
  Measured(0, milliseconds(300));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  now_ += minutes(5);
  Measured(0, milliseconds(300));
  EXPECT_THAT(Order(), ElementsAre(1, 0, 2));
}

TEST_F(HealthTest, DoesNotGoToAndFroBetweenTwoThatChangeALittle) {
  Measured(0, milliseconds(60));
  Measured(1, milliseconds(30));
  EXPECT_THAT(Order(), ElementsAre(1, 0, 2));
  // Nearer than what it took to leave it, but not as near as the other.
  Measured(0, milliseconds(42));
  EXPECT_THAT(Order(), ElementsAre(1, 0, 2));
  Measured(0, milliseconds(34));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  for (int i = 0; i < 3; ++i) {
    now_ += minutes(6);
    Measured(0, milliseconds(42));
    Measured(1, milliseconds(30));
  }
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
}

TEST_F(HealthTest, AnEndpointThatCannotBeReachedComesLast) {
  health_.Failed(0, now_);
  EXPECT_THAT(Order(), ElementsAre(1, 2, 0));
  Measured(0, milliseconds(2));
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
}

TEST_F(HealthTest, ARefusalIsForTheProcedureAlone) {
  health_.Refused(0, kCreate, Kept(), now_);
  EXPECT_THAT(Order(kCreate), ElementsAre(1, 2, 0));
  EXPECT_THAT(Order(kSign), ElementsAre(0, 1, 2));
}

TEST_F(HealthTest, AllThatFailedAreInTheOrderOfTheirRetries) {
  health_.Failed(0, now_);
  now_ += milliseconds(10);
  health_.Failed(1, now_);
  now_ += milliseconds(10);
  health_.Failed(2, now_);
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  EXPECT_FALSE(Plan().trial);
  // The first fails once more.
  now_ += seconds(2);
  health_.Failed(0, now_);
  EXPECT_THAT(Order(), ElementsAre(1, 2, 0));
}

TEST_F(HealthTest, OneCallTriesWhatIsOutOfServiceAndEachTryIsLater) {
  // So that the others are not explored.
  Measured(1, milliseconds(2));
  Measured(2, milliseconds(2));
  health_.Failed(0, now_);
  EXPECT_FALSE(Plan().trial);
  for (const int wait : {1, 2, 4, 8, 16, 30, 30}) {
    now_ += milliseconds(wait * 1000 - 1);
    EXPECT_FALSE(Plan().trial) << wait;
    now_ += milliseconds(1);
    const Health::Plan plan = Plan();
    EXPECT_TRUE(plan.trial) << wait;
    EXPECT_THAT(plan.order, ElementsAre(0, 1, 2));
    EXPECT_FALSE(Plan().trial);
  }
}

TEST_F(HealthTest, ManyFailuresAtOnceAreOne) {
  for (int i = 0; i < 32; ++i) health_.Failed(0, now_);
  now_ += seconds(1);
  EXPECT_TRUE(Plan().trial);
}

TEST_F(HealthTest, WhatMayNotBeSentTwiceTriesNothing) {
  health_.Failed(0, now_);
  now_ += seconds(60);
  EXPECT_FALSE(health_.Order(kSign, false, now_).trial);
  EXPECT_TRUE(health_.Order(kSign, true, now_).trial);
}

TEST_F(HealthTest, ExploresWhatItHasNotMeasuredOnceAndLaterSeldom) {
  Measured(0, milliseconds(2));
  EXPECT_FALSE(Plan().trial);
  now_ += seconds(1);
  EXPECT_THAT(Plan().order, ElementsAre(1, 0, 2));
  EXPECT_THAT(Plan().order, ElementsAre(2, 0, 1));
  EXPECT_FALSE(Plan().trial);
  now_ += seconds(299);
  EXPECT_FALSE(Plan().trial);
  now_ += seconds(1);
  EXPECT_TRUE(Plan().trial);
}

TEST_F(HealthTest, ExploresWithWhatIsQuick) {
  for (int i = 0; i < 50; ++i) health_.Answered(0, kCreate, Kept(milliseconds(900)), now_);
  Measured(0, milliseconds(2));
  now_ += seconds(1);
  EXPECT_FALSE(Plan(kCreate).trial);
  EXPECT_FALSE(Plan("/Unknown").trial);
  EXPECT_TRUE(Plan(kSign).trial);
  // What is out of service is tried with everything.
  health_.Failed(0, now_);
  now_ += seconds(1);
  EXPECT_TRUE(Plan(kCreate).trial);
}

TEST_F(HealthTest, WhatIsLateDependsOnWhatIsUsual) {
  EXPECT_EQ(health_.HedgeDelay(0, kSign, false), seconds(1));
  for (int i = 0; i < 50; ++i) health_.Answered(0, kSign, Kept(milliseconds(3)), now_);
  EXPECT_EQ(health_.HedgeDelay(0, kSign, false), milliseconds(250));
  for (int i = 0; i < 50; ++i) health_.Answered(0, kCreate, Kept(milliseconds(900)), now_);
  EXPECT_GE(health_.HedgeDelay(0, kCreate, false), milliseconds(900));
  EXPECT_LE(health_.HedgeDelay(0, kCreate, false), milliseconds(1000));
  for (int i = 0; i < 50; ++i) health_.Answered(0, kCreate, Kept(seconds(40)), now_);
  EXPECT_EQ(health_.HedgeDelay(0, kCreate, false), seconds(10));
  // It says nothing about the others.
  EXPECT_EQ(health_.HedgeDelay(1, kCreate, false), seconds(1));
}

TEST_F(HealthTest, WhatIsFarIsWaitedForLonger) {
  for (int i = 0; i < 50; ++i) health_.Answered(0, kSign, Connected(milliseconds(200)), now_);
  EXPECT_EQ(health_.HedgeDelay(0, kSign, false), milliseconds(450));
  EXPECT_EQ(health_.HedgeDelay(0, kSign, true), milliseconds(800));
  EXPECT_EQ(health_.HedgeDelay(1, kSign, true), milliseconds(250));
}

TEST_F(HealthTest, SilenceIsNoServiceUnlessSomebodyHeardFromIt) {
  now_ += seconds(10);
  Asked(0, milliseconds(300));
  EXPECT_THAT(Order(), ElementsAre(1, 2, 0));

  health_.Answered(1, kCreate, Kept(), now_ - milliseconds(100));
  Asked(1, milliseconds(300));
  EXPECT_THAT(Order(), ElementsAre(1, 2, 0));

  // Overtaken before it was late.
  Asked(2, milliseconds(300), false);
  EXPECT_THAT(Order(), ElementsAre(1, 2, 0));
}

TEST_F(HealthTest, WhatIsOftenLateIsUsualSoon) {
  for (int i = 0; i < 50; ++i) health_.Answered(0, kSign, Kept(milliseconds(3)), now_);
  now_ += seconds(10);
  for (int i = 0; i < 30; ++i) Asked(0, milliseconds(400));
  EXPECT_GT(health_.HedgeDelay(0, kSign, false), milliseconds(350));
}

TEST_F(HealthTest, ATrialThatIsOvertakenTellsTheDistanceAndNothingElse) {
  now_ += seconds(1);
  health_.Silent(1, kSign, Connected(milliseconds(200)), {now_ - milliseconds(260), true, true},
                 now_);
  EXPECT_THAT(Order(), ElementsAre(0, 1, 2));
  EXPECT_EQ(health_.HedgeDelay(1, kSign, true), milliseconds(800));
  // One that was not connected yet is at least that far.
  health_.Silent(2, kSign, Kept(), {now_ - milliseconds(250), true, true}, now_);
  EXPECT_EQ(health_.HedgeDelay(2, kSign, true), seconds(1));
  EXPECT_EQ(health_.HedgeDelay(2, kSign, false), seconds(1));
}

}  // namespace
}  // namespace twinseal::client
