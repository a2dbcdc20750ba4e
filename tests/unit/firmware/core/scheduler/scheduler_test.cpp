#include "firmware/core/scheduler/scheduler.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/scheduler/jobs.h"

namespace twinseal::core {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

// Keeps every answer and lets tests wait for them.
class Answers : public AnswerSink {
 public:
  void Answer(std::span<const v1::CoreResponse> responses) override {
    std::lock_guard lock(mutex_);
    for (const v1::CoreResponse& response : responses) {
      order_.push_back(response.number());
      codes_[response.number()] = response.has_failure() ? response.failure().code() : "ok";
    }
    changed_.notify_all();
  }

  // The outcome of request `number`: "ok" or a code's name.
  std::string Of(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return codes_.contains(number); });
    return codes_[number];
  }

  std::vector<std::uint64_t> order() {
    std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::string> codes_;
  std::vector<std::uint64_t> order_;
};

// What stands in for the HSM: requests named in `Hold` do not come back until they are released.
class Bench {
 public:
  void Hold(std::uint64_t number) {
    std::lock_guard lock(mutex_);
    held_.insert(number);
  }
  void Release() {
    std::lock_guard lock(mutex_);
    held_.clear();
    changed_.notify_all();
  }
  void AwaitStart(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return started_.contains(number); });
  }
  void Start(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    started_.insert(number);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_.contains(number); });
  }
  bool Started(std::uint64_t number) {
    std::lock_guard lock(mutex_);
    return started_.contains(number);
  }
  // While it is set, executors cannot be made ready.
  void SetTrouble(std::optional<Error> trouble) {
    std::lock_guard lock(mutex_);
    trouble_ = std::move(trouble);
  }
  // The executors that there are become unhealthy with their next request.
  void BreakSessions() {
    std::lock_guard lock(mutex_);
    ++epoch_;
  }
  int epoch() {
    std::lock_guard lock(mutex_);
    return epoch_;
  }
  std::unique_ptr<Executor> Make();
  Status Ensure() {
    std::lock_guard lock(mutex_);
    return trouble_ ? Status(*trouble_) : Ok();
  }

  std::size_t room = 0;  // What an activation lets join; set before the first request.

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::uint64_t> held_;
  std::set<std::uint64_t> started_;
  std::optional<Error> trouble_;
  int epoch_ = 0;
};

constexpr std::uint64_t kThrows = 666;

class FakeExecutor : public Executor {
 public:
  explicit FakeExecutor(Bench& bench) : bench_(bench) {}

  Status Ensure() override {
    TWINSEAL_RETURN_IF_ERROR(bench_.Ensure());
    epoch_ = bench_.epoch();
    healthy_ = true;
    return Ok();
  }

  void Run(const Job& first, const Joiner& join,
           std::vector<v1::CoreResponse>& responses) override {
    bench_.Start(first.request.number());
    if (first.request.number() == kThrows) throw std::runtime_error("no memory");
    if (epoch_ != bench_.epoch()) {
      healthy_ = false;
      responses.emplace_back().mutable_failure()->set_code("unavailable");
      return;
    }
    responses.emplace_back().mutable_done();
    if (bench_.room == 0) return;
    for ([[maybe_unused]] const Job* joined : join(bench_.room)) {
      responses.emplace_back().mutable_done();
    }
  }
  bool healthy() const override { return healthy_; }

 private:
  Bench& bench_;
  int epoch_ = 0;
  bool healthy_ = false;
};

std::unique_ptr<Executor> Bench::Make() { return std::make_unique<FakeExecutor>(*this); }

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() {
    options_.workers = 1;
    options_.hang_grace = milliseconds(1);
    options_.first_retry = milliseconds(1);
    options_.longest_retry = milliseconds(5);
  }
  ~SchedulerTest() override {
    // So that no worker's end waits for a held request.
    bench_.Release();
  }

  Scheduler& Start() {
    scheduler_.emplace(
        options_, [this] { return bench_.Make(); }, answers_, [this] { Hung(); });
    return *scheduler_;
  }
  void Submit(JobPtr job) { scheduler_->Submit(One(std::move(job))); }

  static Clock::time_point In(milliseconds time) { return Clock::now() + time; }

  void Hung() {
    std::lock_guard lock(hung_mutex_);
    hung_ = true;
    hung_changed_.notify_all();
  }
  void AwaitHung() {
    std::unique_lock lock(hung_mutex_);
    hung_changed_.wait(lock, [&] { return hung_; });
  }

  SchedulerOptions options_;
  std::mutex hung_mutex_;
  std::condition_variable hung_changed_;
  bool hung_ = false;
  Answers answers_;
  Bench bench_;
  std::optional<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AnswersEachRequestOnce) {
  options_.workers = 3;
  Scheduler& scheduler = Start();
  std::vector<JobPtr> jobs;
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 1; number <= 500; ++number) {
    numbers.push_back(number);
    jobs.push_back(MakeJob(number, number % 3 == 0 ? "bob" : "alice"));
  }
  scheduler.Submit(std::move(jobs));
  scheduler.Finish();
  EXPECT_THAT(answers_.order(), testing::UnorderedElementsAreArray(numbers));
  for (const std::uint64_t number : numbers) EXPECT_EQ(answers_.Of(number), "ok");
}

TEST_F(SchedulerTest, WaitingRequestsShareAnActivationUpToItsRoom) {
  bench_.room = 2;
  bench_.Hold(1);
  Scheduler& scheduler = Start();
  Submit(MakeJob(1));
  bench_.AwaitStart(1);
  for (std::uint64_t number = 2; number <= 5; ++number) Submit(MakeJob(number));
  bench_.Release();
  scheduler.Finish();
  EXPECT_THAT(answers_.order(), ElementsAre(1, 2, 3, 4, 5));
  // 1 took 2 and 3 along, 4 took 5.
  EXPECT_FALSE(bench_.Started(2));
  EXPECT_FALSE(bench_.Started(3));
  EXPECT_TRUE(bench_.Started(4));
  EXPECT_FALSE(bench_.Started(5));
}

TEST_F(SchedulerTest, AFullQueueRefusesAndServesTheOthers) {
  options_.queue.per_caller = 2;
  bench_.Hold(1);
  Scheduler& scheduler = Start();
  Submit(MakeJob(1));
  bench_.AwaitStart(1);
  for (std::uint64_t number = 2; number <= 4; ++number) Submit(MakeJob(number));
  Submit(MakeJob(5, "bob"));
  EXPECT_EQ(answers_.Of(4), "resource_exhausted");
  bench_.Release();
  scheduler.Finish();
  EXPECT_THAT(answers_.order(), ElementsAre(4, 1, 2, 5, 3));
}

TEST_F(SchedulerTest, AnExpiredRequestIsAnsweredInTimeAndNeverStarted) {
  bench_.Hold(1);
  Start();
  Submit(MakeJob(1));
  bench_.AwaitStart(1);
  Submit(MakeJob(2, "bob", 2, In(milliseconds(20))));
  EXPECT_EQ(answers_.Of(2), "deadline_exceeded");
  bench_.Release();
  scheduler_->Finish();
  EXPECT_EQ(answers_.Of(1), "ok");
  EXPECT_FALSE(bench_.Started(2));
}

TEST_F(SchedulerTest, ARequestThatComesExpiredIsNotStarted) {
  Start();
  Submit(MakeJob(1, "alice", 1, Clock::now() - milliseconds(1)));
  EXPECT_EQ(answers_.Of(1), "deadline_exceeded");
  EXPECT_FALSE(bench_.Started(1));
}

TEST_F(SchedulerTest, AHungCallFailsAtItsDeadlineAndItsWorkerIsReplaced) {
  bench_.Hold(1);
  Start();
  Submit(MakeJob(1, "alice", 1, In(milliseconds(20))));
  Submit(MakeJob(2));
  EXPECT_EQ(answers_.Of(1), "deadline_exceeded");
  EXPECT_EQ(answers_.Of(2), "ok");
  EXPECT_EQ(scheduler_->state().hung, 1U);
  EXPECT_EQ(scheduler_->state().ready, 1U);
}

TEST_F(SchedulerTest, AHungCallIsNoticedBeforeALateDeadline) {
  bench_.Hold(1);
  Start();
  JobPtr hanging = MakeJob(1);
  hanging->patience = milliseconds(20);
  Submit(std::move(hanging));
  Submit(MakeJob(2));
  EXPECT_EQ(answers_.Of(2), "ok");
  bench_.Release();
  EXPECT_EQ(answers_.Of(1), "ok");
}

TEST_F(SchedulerTest, AHungCallThatComesBackGivesItsPlaceUpAndAnswersNothingTwice) {
  bench_.Hold(1);
  options_.replacements = 1;
  Start();
  for (std::uint64_t number = 1; number <= 5; ++number) {
    bench_.Hold(number);
    Submit(MakeJob(number, "alice", 1, In(milliseconds(10))));
    EXPECT_EQ(answers_.Of(number), "deadline_exceeded");
    bench_.Release();
    Submit(MakeJob(100 + number));
    EXPECT_EQ(answers_.Of(100 + number), "ok");
    while (scheduler_->state().hung > 0) std::this_thread::yield();
  }
  scheduler_->Finish();
  EXPECT_EQ(answers_.order().size(), 10U);
}

TEST_F(SchedulerTest, TooManyHungCallsEndInUnavailableAndTheCallback) {
  options_.replacements = 1;
  bench_.Hold(1);
  bench_.Hold(2);
  Start();
  Submit(MakeJob(1, "alice", 1, In(milliseconds(10))));
  EXPECT_EQ(answers_.Of(1), "deadline_exceeded");
  JobPtr second = MakeJob(2);
  second->patience = milliseconds(20);
  Submit(std::move(second));
  Submit(MakeJob(3));
  EXPECT_EQ(answers_.Of(2), "unavailable");
  EXPECT_EQ(answers_.Of(3), "unavailable");
  AwaitHung();
  Submit(MakeJob(4));
  EXPECT_EQ(answers_.Of(4), "unavailable");
}

TEST_F(SchedulerTest, ABrokenSessionIsMadeAnew) {
  Start();
  Submit(MakeJob(1));
  EXPECT_EQ(answers_.Of(1), "ok");
  bench_.BreakSessions();
  Submit(MakeJob(2));
  EXPECT_EQ(answers_.Of(2), "unavailable");
  Submit(MakeJob(3));
  EXPECT_EQ(answers_.Of(3), "ok");
}

TEST_F(SchedulerTest, WhileNoSessionCanBeMadeRequestsAreUnavailableAndThenServedAgain) {
  bench_.SetTrouble(Error(Code::kUnavailable, "the HSM is unplugged", "CKR_DEVICE_REMOVED"));
  Start();
  Submit(MakeJob(1));
  EXPECT_EQ(answers_.Of(1), "unavailable");
  EXPECT_EQ(scheduler_->state().trouble, "the HSM is unplugged");
  bench_.SetTrouble(std::nullopt);
  while (scheduler_->state().ready == 0) std::this_thread::yield();
  Submit(MakeJob(2));
  EXPECT_EQ(answers_.Of(2), "ok");
  EXPECT_EQ(scheduler_->state().trouble, "");
}

TEST_F(SchedulerTest, AnExceptionIsAnInternalErrorOfThatRequestOnly) {
  Start();
  Submit(MakeJob(kThrows));
  Submit(MakeJob(2));
  EXPECT_EQ(answers_.Of(kThrows), "internal");
  EXPECT_EQ(answers_.Of(2), "ok");
}

TEST_F(SchedulerTest, DiscardAnswersWhatWaitsAndLetsWhatRunsGoOn) {
  bench_.Hold(1);
  Start();
  Submit(MakeJob(1));
  bench_.AwaitStart(1);
  Submit(MakeJob(2));
  scheduler_->Discard();
  EXPECT_EQ(answers_.Of(2), "unavailable");
  bench_.Release();
  scheduler_->Finish();
  EXPECT_EQ(answers_.Of(1), "ok");
}

TEST_F(SchedulerTest, ItsEndAnswersWhatWaits) {
  bench_.Hold(1);
  Start();
  Submit(MakeJob(1));
  bench_.AwaitStart(1);
  Submit(MakeJob(2));
  std::thread end([this] { scheduler_.reset(); });
  EXPECT_EQ(answers_.Of(2), "unavailable");
  bench_.Release();
  end.join();
  EXPECT_EQ(answers_.Of(1), "ok");
}

}  // namespace
}  // namespace twinseal::core
