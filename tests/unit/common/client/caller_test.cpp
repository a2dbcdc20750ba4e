#include "common/client/caller.h"

#include <map>
#include <thread>

#include <gmock/gmock.h>

#include "common/client/health.h"
#include "tests/unit/common/client/site_fixture.h"

namespace twinseal::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class CallerTest : public SiteTest {};

TEST_F(CallerTest, KeepsItsConnection) {
  const auto caller = Knowing({a_.Endpoint()});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Call(*caller), "a");
  EXPECT_EQ(a_.connections(), 1U);
}

TEST_F(CallerTest, GoesOnWhereAnEndpointCannotServeAndStaysThere) {
  a_.Be(Site::Manner::kRefuse);
  const auto caller = KnowingBoth();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Call(*caller), "b");
  // It is asked again now and then.
  EXPECT_LT(a_.requests(), 10U);
}

TEST_F(CallerTest, ComesBackWhenTheFirstServesAgain) {
  a_.Be(Site::Manner::kRefuse);
  const auto caller = KnowingBoth();
  EXPECT_EQ(Call(*caller), "b");
  a_.Be(Site::Manner::kServe);
  const Time give_up = Clock::now() + seconds(60);
  while (Call(*caller) != "a" && Clock::now() < give_up) {
  }
  EXPECT_EQ(Call(*caller), "a");
}

TEST_F(CallerTest, WhatIsRefusedIsFinal) {
  a_.Be(Site::Manner::kForbid);
  const auto caller = KnowingBoth();
  EXPECT_EQ(Call(*caller), "permission_denied");
  EXPECT_EQ(b_.requests(), 0U);
}

TEST_F(CallerTest, AsksTheOtherWhenTheFirstIsLateWithTheSameRequest) {
  a_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  EXPECT_EQ(Call(*caller), "b");
  EXPECT_EQ(a_.ids(), b_.ids());
}

TEST_F(CallerTest, TheFirstAnswerCountsAlsoFromTheOneThatWasLate) {
  a_.Be(Site::Manner::kHold);
  b_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  std::thread release([&] {
    b_.AwaitRequests(1);
    a_.Be(Site::Manner::kServe);
    a_.Release();
  });
  EXPECT_EQ(Call(*caller), "a");
  release.join();
}

TEST_F(CallerTest, GoesOnWhenTheFirstDiesWithTheRequest) {
  a_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  std::thread killer([&] {
    a_.AwaitRequests(1);
    a_.Kill();
  });
  EXPECT_EQ(Call(*caller), "b");
  killer.join();
}

TEST_F(CallerTest, WhatMayNotBeRepeatedIsSentOnce) {
  a_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  std::thread killer([&] {
    a_.AwaitRequests(1);
    a_.Kill();
  });
  EXPECT_EQ(Call(*caller, {.repeatable = false}), "unavailable");
  killer.join();
  EXPECT_EQ(b_.requests(), 0U);
}

TEST_F(CallerTest, WhatMayNotBeRepeatedIsNotHedged) {
  a_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  EXPECT_EQ(Call(*caller, {.timeout = milliseconds(2000), .repeatable = false}),
            "deadline_exceeded");
  EXPECT_EQ(a_.requests(), 1U);
  EXPECT_EQ(b_.requests(), 0U);
}

TEST_F(CallerTest, WhatMayNotBeRepeatedGoesOnFromAnEndpointThatIsNotThere) {
  const auto caller = KnowingBoth();
  a_.Kill();
  EXPECT_EQ(Call(*caller, {.repeatable = false}), "b");
}

TEST_F(CallerTest, TriesAgainUntilSomebodyServes) {
  a_.Be(Site::Manner::kRefuse);
  b_.Be(Site::Manner::kRefuse);
  const auto caller = KnowingBoth();
  std::thread repair([&] {
    b_.AwaitRequests(3);
    b_.Be(Site::Manner::kServe);
  });
  EXPECT_EQ(Call(*caller), "b");
  repair.join();
  EXPECT_GE(a_.requests(), 2U);
}

TEST_F(CallerTest, GivesUpWhenItIsToldTo) {
  a_.Be(Site::Manner::kRefuse);
  b_.Be(Site::Manner::kRefuse);
  const auto caller = KnowingBoth();
  const Status status = TryCall(*caller, {.persist = milliseconds(0)});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_EQ(status.error().message(), "no endpoint could be used: a is draining; b is draining");
  EXPECT_EQ(a_.requests(), 1U);
}

TEST_F(CallerTest, EndsAtItsDeadline) {
  a_.Be(Site::Manner::kHold);
  b_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  const Time start = Clock::now();
  const Status status = TryCall(*caller, {.timeout = milliseconds(2000)});
  EXPECT_GE(Clock::now() - start, milliseconds(1700));
  EXPECT_LT(Clock::now() - start, seconds(20));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kDeadlineExceeded);
}

TEST_F(CallerTest, AskingOneEndpointAsksNoOther) {
  a_.Be(Site::Manner::kRefuse);
  const auto caller = KnowingBoth();
  v1::Key key;
  const Status status = caller->CallAt(0, kPath, v1::CreateKeyRequest(), key);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message(), "a is draining");
  EXPECT_EQ(a_.requests(), 1U);
  EXPECT_EQ(b_.requests(), 0U);
  ASSERT_TRUE(caller->CallAt(1, kPath, v1::CreateKeyRequest(), key).ok());
  EXPECT_EQ(key.name(), "b");
}

TEST_F(CallerTest, GetsPlainPaths) {
  const auto caller = KnowingBoth();
  const auto health = caller->GetAt(1, "/healthz");
  ASSERT_TRUE(health.ok()) << health.error().Describe();
  EXPECT_EQ(*health, "ok\n");
  EXPECT_FALSE(caller->GetAt(1, "/nothing").ok());
}

TEST_F(CallerTest, AnEndpointThatIsNotTrustedIsPassedOver) {
  const Site stranger("stranger", test::TestCa("Another CA"));
  const auto caller = Knowing({stranger.Endpoint(), b_.Endpoint()});
  EXPECT_EQ(Call(*caller), "b");
}

TEST_F(CallerTest, DoesNotWaitForTrust) {
  const Site stranger("stranger", test::TestCa("Another CA"));
  const auto caller = Knowing({stranger.Endpoint(), stranger.Endpoint() + "/"});
  const Status status = TryCall(*caller);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(),
              AllOf(HasSubstr("no endpoint could be used: "), HasSubstr("CA did not issue")));
}

TEST_F(CallerTest, StopEndsWhatIsUnderWay) {
  a_.Be(Site::Manner::kHold);
  b_.Be(Site::Manner::kHold);
  const auto caller = KnowingBoth();
  std::string result;
  std::thread calling([&] { result = Call(*caller); });
  a_.AwaitRequests(1);
  caller->Stop();
  calling.join();
  EXPECT_EQ(result, "canceled");
  EXPECT_EQ(Call(*caller), "canceled");
}

TEST_F(CallerTest, IsDestroyedWhileManyCallsAreUnderWay) {
  a_.Be(Site::Manner::kHold);
  auto caller = Knowing({a_.Endpoint()});
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&calling = *caller] { EXPECT_EQ(Call(calling), "canceled"); });
  a_.AwaitRequests(8);
  caller.reset();
  for (std::thread& thread : threads) thread.join();
}

// A crowd of threads that call until they are told to stop.
class Crowd {
 public:
  Crowd(std::size_t threads, const std::function<std::string()>& call) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this, call] {
        while (!enough_.load()) {
          const std::string result = call();
          const MutexLock lock(mutex_);
          ++results_[result];
          changed_.NotifyAll();
        }
      });
    }
  }
  ~Crowd() { End(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // Blocks until that many more calls ended so.
  void AwaitMore(const std::string& result, std::size_t more) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    const std::size_t wanted = results_[result] + more;
    while (results_[result] < wanted) changed_.Wait(mutex_);
  }
  void End() {
    enough_.store(true);
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  std::map<std::string, std::size_t> results() TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return results_;
  }

 private:
  std::atomic<bool> enough_{false};
  Mutex mutex_;
  Condition changed_;
  std::map<std::string, std::size_t> results_ TWINSEAL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

TEST_F(CallerTest, NoneOfManyThreadsLosesACallWhenASiteDies) {
  const auto caller = KnowingBoth();
  Crowd crowd(32, [&] { return Call(*caller); });
  crowd.AwaitMore("a", 500);
  a_.Kill();
  crowd.AwaitMore("b", 500);
  crowd.End();
  EXPECT_THAT(crowd.results(), SizeIs(2));
  EXPECT_LT(b_.connections(), b_.requests() / 2);
}

TEST_F(CallerTest, NoneOfManyThreadsLosesACallWhenASiteDrainsOrFallsSilent) {
  const auto caller = KnowingBoth();
  Crowd crowd(32, [&] { return Call(*caller); });
  crowd.AwaitMore("a", 100);
  a_.Be(Site::Manner::kRefuse);
  crowd.AwaitMore("b", 500);
  a_.Be(Site::Manner::kServe);
  crowd.AwaitMore("a", 500);
  a_.Be(Site::Manner::kHold);
  crowd.AwaitMore("b", 500);
  crowd.End();
  EXPECT_THAT(crowd.results(), SizeIs(2));
}

}  // namespace
}  // namespace twinseal::client
