// The witness's look at a real cluster.
#include "agent/daemon/ledger_watch.h"

#include <csignal>

#include <gmock/gmock.h>

#include "tests/support/etcd_cluster.h"
#include "tests/support/results.h"

namespace twinseal::agent {
namespace {

using test::EtcdCluster;
using test::Succeeds;
using testing::AnyOf;
using testing::Contains;

constexpr std::uint64_t kQuota = std::uint64_t{8} << 30U;

std::chrono::steady_clock::time_point Later() {
  return std::chrono::steady_clock::now() + EtcdCluster::kPatience;
}

class LedgerWatchTest : public testing::Test {
 protected:
  void SetUp() override { cluster_.StartAll(); }
  void TearDown() override { watch_.reset(); }

  void Watch(LedgerWatchOptions options = {}, std::vector<std::string> successors = {"a", "b"}) {
    options.own_name = "agent";
    if (options.quota_bytes == 0) options.quota_bytes = kQuota;
    options.every = std::chrono::milliseconds(10);
    watch_ = std::make_unique<LedgerWatch>(std::move(options), cluster_.at("agent"), alarms_,
                                           UnixMilliseconds, [successors] { return successors; });
    watch_->Use(*etcd::Gateway::Create(cluster_.GatewayTo({"agent"})));
  }
  template <typename Wanted>
  LedgerSight Await(const Wanted& wanted) {
    EXPECT_TRUE(watch_->WaitFor(wanted, Later())) << watch_->sight().reason;
    return watch_->sight();
  }
  // Until the alarm is there, or not any more.
  // Why the ledger is not used.
  void AwaitReason(std::string_view words) {
    Await(
        [words](const LedgerSight& seen) { return seen.reason.find(words) != std::string::npos; });
  }

  void AwaitAlarm(const std::string& name, bool there) {
    const auto is_there = [&] {
      for (const v1::Alarm& alarm : alarms_.All())
        if (alarm.name() == name) return true;
      return false;
    };
    EXPECT_TRUE(watch_->WaitFor([&](const LedgerSight&) { return is_there() == there; }, Later()))
        << name;
  }

  EtcdCluster cluster_{{"a", "b", "agent"}};
  AlarmBoard alarms_{UnixMilliseconds, [](const std::string&) {}};
  std::unique_ptr<LedgerWatch> watch_;
};

TEST_F(LedgerWatchTest, TellsHowTheLedgerIs) {
  Watch();
  const LedgerSight sight =
      Await([](const LedgerSight& seen) { return seen.serving && seen.seen.cluster_id != 0; });
  EXPECT_THAT(sight.engine, testing::MatchesRegex("etcd 3\\.[456]\\.[0-9]+"));
  EXPECT_THAT(sight.leader, AnyOf("a", "b", "agent"));
  EXPECT_GT(sight.revision, 0U);
  EXPECT_GT(sight.database_bytes, 0U);
  EXPECT_FALSE(sight.last_failover.has_value());
}

TEST_F(LedgerWatchTest, HandsLeadershipToTheBestSite) {
  cluster_.MakeLeader("agent");
  Watch({}, {"b", "a"});
  const LedgerSight sight = Await([](const LedgerSight& seen) { return seen.leader == "b"; });
  ASSERT_TRUE(sight.last_failover.has_value());
  EXPECT_EQ(sight.last_failover->from(), "agent");
  EXPECT_EQ(sight.last_failover->to(), "b");
}

TEST_F(LedgerWatchTest, KeepsLeadershipWhileNoSiteIsReady) {
  cluster_.MakeLeader("agent");
  Watch({}, {});
  Await([](const LedgerSight& seen) { return seen.seen.cluster_id != 0; });
  EXPECT_EQ(cluster_.Leader(), "agent");
}

TEST_F(LedgerWatchTest, ALeaderThatIsLostIsAFailover) {
  cluster_.MakeLeader("a");
  LedgerWatchOptions options;
  options.last_leader = "a";
  Watch(std::move(options), {"b"});
  Await([](const LedgerSight& seen) { return seen.leader == "a"; });
  cluster_.Stop("a");
  const LedgerSight sight = Await([](const LedgerSight& seen) { return seen.leader == "b"; });
  EXPECT_EQ(sight.last_leader, "b");
  ASSERT_TRUE(sight.last_failover.has_value());
  EXPECT_EQ(sight.last_failover->to(), "b");
}

TEST_F(LedgerWatchTest, WithoutAMajorityThereIsAnAlarmUntilThereIsOne) {
  Watch();
  Await([](const LedgerSight& seen) { return seen.serving; });
  cluster_.Stop("a");
  cluster_.Stop("b");
  AwaitAlarm(alarm::kLedgerNoLeader, true);
  EXPECT_FALSE(watch_->sight().serving);
  EXPECT_EQ(watch_->sight().leader, "");
  cluster_.Start("a");
  AwaitAlarm(alarm::kLedgerNoLeader, false);
  EXPECT_TRUE(Await([](const LedgerSight& seen) { return seen.serving; }).serving);
}

TEST_F(LedgerWatchTest, ALedgerThatGrowsTooLargeIsTold) {
  LedgerWatchOptions options;
  options.quota_bytes = 1 << 14;  // Less than an empty database has.
  Watch(std::move(options));
  AwaitAlarm(alarm::kLedgerQuota, true);
}

TEST_F(LedgerWatchTest, AnotherClusterIsRefusedAndTheMemberEnds) {
  LedgerWatchOptions options;
  options.seen = {.cluster_id = 1, .highest = {}};
  Watch(std::move(options));
  AwaitAlarm(alarm::kLedgerRefused, true);
  EXPECT_EQ(cluster_.at("agent").State().phase, etcd::MemberState::Phase::kStopped);
  AwaitReason("cluster");
}

TEST_F(LedgerWatchTest, ALedgerThatWasSetBackIsRefused) {
  Watch();
  const LedgerSight sight =
      Await([](const LedgerSight& seen) { return seen.seen.cluster_id != 0; });
  watch_.reset();
  LedgerWatchOptions options;
  options.seen = sight.seen;
  options.seen.highest = ledger::Revision{ledger::Number(sight.seen.highest) + 1'000};
  Watch(std::move(options));
  AwaitAlarm(alarm::kLedgerRefused, true);
  AwaitReason("set back");
}

TEST_F(LedgerWatchTest, AMemberThatIsKilledIsMissedUntilItServesAgain) {
  Watch();
  Await([](const LedgerSight& seen) { return seen.serving; });
  kill(cluster_.at("agent").State().pid, SIGKILL);
  Await([](const LedgerSight& seen) { return !seen.serving; });
  Await([](const LedgerSight& seen) { return seen.serving; });
}

}  // namespace
}  // namespace twinseal::agent
