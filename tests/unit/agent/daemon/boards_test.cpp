// What the agent keeps in memory: alarms, availability, how the sites are. Time is the test's.
#include <gmock/gmock.h>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/availability.h"
#include "agent/daemon/site_board.h"

namespace twinseal::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BoardsTest : public testing::Test {
 protected:
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const v1::Alarm& alarm : alarms_.All())
      names.push_back(alarm.name() + " " + alarm.place());
    return names;
  }

  std::int64_t now_ms_ = 1'000;
  std::vector<std::string> told_;
  AlarmBoard alarms_{[this] { return now_ms_; },
                     [this](const std::string& line) { told_.push_back(line); }};
};

TEST_F(BoardsTest, AnAlarmIsToldWhenItBeginsAndEnds) {
  alarms_.Raise(alarm::kSiteUnreachable, "a", "first");
  now_ms_ = 2'000;
  alarms_.Raise(alarm::kSiteUnreachable, "a", "second");
  alarms_.Raise(alarm::kLedgerQuota, "agent", "full");
  const std::vector<v1::Alarm> all = alarms_.All();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name(), "site-unreachable");
  EXPECT_EQ(all[0].text(), "second");
  EXPECT_EQ(all[0].since_unix_ms(), 1'000);
  EXPECT_EQ(all[1].since_unix_ms(), 2'000);
  alarms_.End(alarm::kSiteUnreachable, "a");
  alarms_.End(alarm::kSiteUnreachable, "a");
  EXPECT_THAT(Names(), ElementsAre("ledger-quota agent"));
  EXPECT_THAT(told_,
              ElementsAre("alarm site-unreachable of a: first", "alarm ledger-quota of agent: full",
                          "alarm site-unreachable of a has ended"));
}

TEST_F(BoardsTest, AvailabilityIsCountedFromLookToLook) {
  Availability counted(5'000, 4'000);
  const Availability::Clock::time_point start;
  counted.Note(start, true);
  EXPECT_EQ(counted.watched_ms(), 5'000);
  counted.Note(start + milliseconds(1'000), true);
  counted.Note(start + milliseconds(3'000), false);
  counted.Note(start + milliseconds(3'500), true);
  EXPECT_EQ(counted.watched_ms(), 8'500);
  EXPECT_EQ(counted.available_ms(), 5'500);
}

TEST_F(BoardsTest, AvailabilityLeavesOutWhatNobodySaw) {
  Availability counted(0, 0);
  const Availability::Clock::time_point start;
  counted.Note(start, true);
  counted.Note(start + seconds(60), true);  // The agent was suspended.
  counted.Note(start + seconds(61), true);
  EXPECT_EQ(counted.watched_ms(), 1'000);
}

TEST_F(BoardsTest, AvailabilityLosesNoFractions) {
  Availability counted(0, 0);
  const Availability::Clock::time_point start;
  for (int i = 0; i <= 4'000; ++i) counted.Note(start + i * std::chrono::microseconds(250), true);
  EXPECT_EQ(counted.watched_ms(), 1'000);
}

class SiteBoardTest : public BoardsTest {
 protected:
  SiteBoardTest() { board_.Expect({"a", "b"}); }

  void See(const std::string& name, bool reachable, bool ready, std::uint32_t round_trip_us = 100) {
    board_.Note({.name = name,
                 .reachable = reachable,
                 .ready = ready,
                 .reason = ready ? "" : "because",
                 .round_trip_us = round_trip_us,
                 .pair = std::nullopt},
                now_);
  }
  void Applied(const std::string& name, std::uint64_t applied, std::uint64_t epoch = 1,
               const std::string& phase = "paired") {
    v1::GetPairResponse pair;
    pair.set_phase(phase);
    pair.set_applied_revision(applied);
    pair.mutable_config()->set_domain_id("d");
    pair.mutable_config()->set_epoch(epoch);
    board_.Note({.name = name,
                 .reachable = true,
                 .ready = true,
                 .reason = "",
                 .round_trip_us = 100,
                 .pair = pair},
                now_);
  }

  Availability::Clock::time_point now_;
  std::uint64_t revision_ = 10;
  SiteBoard board_{alarms_, Availability(0, 0), [this] { return now_ms_; },
                   [this] { return revision_; }};
};

TEST_F(SiteBoardTest, TellsSinceWhenASiteIsAsItIs) {
  See("a", true, true);
  now_ms_ = 2'000;
  See("a", true, true);
  EXPECT_EQ(board_.Health()[0].since_unix_ms(), 1'000);
  See("a", true, false);
  const v1::PlaceHealth health = board_.Health()[0];
  EXPECT_EQ(health.since_unix_ms(), 2'000);
  EXPECT_TRUE(health.reachable());
  EXPECT_FALSE(health.ready());
  EXPECT_EQ(health.reason(), "because");
  EXPECT_THAT(Names(), ElementsAre("site-not-ready a"));
  See("a", false, false);
  EXPECT_THAT(Names(), ElementsAre("site-unreachable a"));
  See("a", true, true);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(SiteBoardTest, OneReadySiteIsEnough) {
  See("a", true, true);
  See("b", true, true);
  now_ += seconds(1);
  See("a", false, false);
  now_ += seconds(1);
  See("b", false, false);
  const Availability availability = board_.availability();
  EXPECT_EQ(availability.watched_ms(), 2'000);
  EXPECT_EQ(availability.available_ms(), 1'000);
}

TEST_F(SiteBoardTest, TheNearestReadySiteIsToLead) {
  EXPECT_THAT(board_.Best(), IsEmpty());
  See("a", true, true, 900);
  See("b", true, true, 300);
  EXPECT_THAT(board_.Best(), ElementsAre("b", "a"));
  See("b", true, false);
  EXPECT_THAT(board_.Best(), ElementsAre("a"));
}

TEST_F(SiteBoardTest, ASiteThatDoesNotCatchUpIsBehind) {
  Applied("a", 3);  // Nothing was due yet.
  EXPECT_THAT(Names(), IsEmpty());
  revision_ = 20;
  Applied("a", 9);
  EXPECT_THAT(Names(), ElementsAre("ledger-behind a"));
  EXPECT_THAT(alarms_.All()[0].text(), HasSubstr("up to 9 only, and 10 was there"));
  Applied("a", 20);
  EXPECT_THAT(Names(), IsEmpty());
}

// It took the ledger along, and goes on in one of its own.
TEST_F(SiteBoardTest, ASiteThatIsAloneIsBehindNobody) {
  revision_ = 20;
  Applied("a", 20);
  Applied("a", 9);
  EXPECT_THAT(Names(), ElementsAre("ledger-behind a"));
  Applied("a", 0, 1, "leaving");
  EXPECT_THAT(Names(), IsEmpty());
  Applied("a", 0, 1, "alone");
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(SiteBoardTest, TheNewestRecordCounts) {
  EXPECT_FALSE(board_.NewestConfig().has_value());
  Applied("a", 10, 3);
  Applied("b", 10, 2);
  EXPECT_EQ(board_.NewestConfig()->epoch(), 3U);
}

TEST_F(SiteBoardTest, ASiteThatLeftIsForgottenWithItsAlarms) {
  See("b", false, false);
  board_.Expect({"a", "c"});
  EXPECT_THAT(Names(), IsEmpty());
  See("b", false, false);  // A look that was under way.
  EXPECT_THAT(Names(), IsEmpty());
  std::vector<std::string> names;
  for (const v1::PlaceHealth& health : board_.Health()) names.push_back(health.name());
  EXPECT_THAT(names, ElementsAre("a", "c"));
}

}  // namespace
}  // namespace twinseal::agent
