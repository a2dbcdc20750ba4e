#include "firmware/service/core_link/core_supervisor.h"

#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/service/fake_core.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr int kPinRefused = 78;

class CoreSupervisorTest : public ::testing::Test {
 protected:
  static SupervisorOptions Options() {
    SupervisorOptions options;
    options.shortest_back_off = milliseconds(1);
    options.longest_back_off = milliseconds(2);
    options.lasting_reason = [](const ProcessEnd& end) -> std::optional<std::string> {
      if (end.signal == 0 && end.exit_status == kPinRefused)
        return "the HSM refused the PIN; give another";
      return std::nullopt;
    };
    return options;
  }

  static Deadline Soon() { return steady_clock::now() + seconds(30); }

  void WaitForPhase(CoreState::Phase phase) {
    while (supervisor_.State().phase != phase) std::this_thread::yield();
  }

  std::shared_ptr<FakeVault> vault_ = std::make_shared<FakeVault>();
  std::shared_ptr<Launches> launches_ = std::make_shared<Launches>();
  CoreSupervisor supervisor_{std::make_unique<FakeLauncher>(vault_, launches_), Options()};
};

TEST_F(CoreSupervisorTest, ServesOnceTheCoreAnswers) {
  supervisor_.Start();
  ASSERT_TRUE(supervisor_.WaitUntilReady(Soon()));
  EXPECT_EQ(supervisor_.State().restarts, 0U);
  EXPECT_EQ(supervisor_.State().pid, 4711);
  const Result<v1::CoreStatus> status = AskStatus(supervisor_, Soon());
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->hsm_state(), "ready");
}

TEST_F(CoreSupervisorTest, IsUnavailableBeforeItsStartAndAfterItsStop) {
  Result<v1::CoreStatus> status = AskStatus(supervisor_, Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  supervisor_.Start();
  ASSERT_TRUE(supervisor_.WaitUntilReady(Soon()));
  supervisor_.Stop();
  EXPECT_EQ(supervisor_.State().phase, CoreState::Phase::kStopped);
  status = AskStatus(supervisor_, Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
}

TEST_F(CoreSupervisorTest, StartsACoreThatDiedAgain) {
  supervisor_.Start();
  ASSERT_TRUE(supervisor_.WaitUntilReady(Soon()));
  for (int round = 1; round <= 3; ++round) {
    {
      const std::lock_guard lock(launches_->mutex);
      launches_->current->Kill();
    }
    launches_->WaitFor(round + 1);
    ASSERT_TRUE(supervisor_.WaitUntilReady(Soon()));
    EXPECT_EQ(supervisor_.State().restarts, static_cast<std::uint64_t>(round));
    EXPECT_TRUE(AskStatus(supervisor_, Soon()).ok());
  }
}

TEST_F(CoreSupervisorTest, GoesOnTryingWhileTheCoreEndsAtOnce) {
  launches_->ends = {{1, 0}, {0, SIGSEGV}, {1, 0}};
  supervisor_.Start();
  ASSERT_TRUE(supervisor_.WaitUntilReady(Soon()));
  EXPECT_EQ(supervisor_.State().restarts, 3U);
}

TEST_F(CoreSupervisorTest, DoesNotRepeatALastingFailureUntilToldTo) {
  launches_->ends = {{kPinRefused, 0}};
  supervisor_.Start();
  WaitForPhase(CoreState::Phase::kRefused);
  EXPECT_FALSE(supervisor_.WaitUntilReady(Soon()));
  EXPECT_THAT(supervisor_.State().reason, ::testing::HasSubstr("refused the PIN"));
  const Result<v1::CoreStatus> status = AskStatus(supervisor_, Soon());
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), ::testing::HasSubstr("refused the PIN"));
  {
    const std::lock_guard lock(launches_->mutex);
    EXPECT_EQ(launches_->count, 1);
  }
  supervisor_.Retry(std::make_unique<FakeLauncher>(vault_, launches_));
  launches_->WaitFor(2);
  while (supervisor_.State().phase != CoreState::Phase::kReady) std::this_thread::yield();
}

TEST_F(CoreSupervisorTest, StopsWhileItWaitsForAnotherTry) {
  launches_->ends = {{kPinRefused, 0}};
  supervisor_.Start();
  WaitForPhase(CoreState::Phase::kRefused);
  supervisor_.Stop();
  EXPECT_EQ(supervisor_.State().phase, CoreState::Phase::kStopped);
}

TEST(ProgramLauncherTest, SaysWhatCannotBeStarted) {
  ProgramLauncher launcher({.program = "/nonexistent/twinseal-core", .arguments = {}});
  const auto process = launcher.Launch();
  ASSERT_FALSE(process.ok());
  EXPECT_THAT(process.error().message(), ::testing::HasSubstr("/nonexistent/twinseal-core"));
}

TEST(ProgramLauncherTest, TellsHowAProgramEnded) {
  ProgramLauncher launcher({.program = "/bin/sh", .arguments = {"-c", "exit 7"}});
  auto process = launcher.Launch();
  ASSERT_TRUE(process.ok());
  EXPECT_EQ((*process)->Wait().exit_status, 7);
  EXPECT_EQ((*process)->Wait().Describe(), "exit status 7");
}

TEST(ProgramLauncherTest, HandsOnTheSocketAndNothingElse) {
  // Descriptor 1 is standard error's by then; 4 is what `ls` reads the listing from.
  ProgramLauncher launcher(
      {.program = "/bin/sh", .arguments = {"-c", "exec ls /proc/self/fd >&3"}});
  auto process = launcher.Launch();
  ASSERT_TRUE(process.ok());
  const UniqueFd socket = (*process)->TakeSocket();
  (*process)->Wait();
  char buffer[256];
  const ssize_t n = read(socket.get(), buffer, sizeof buffer);
  ASSERT_GT(n, 0);
  EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(n)), "0\n1\n2\n3\n4\n");
}

}  // namespace
}  // namespace twinseal::service
