#include "firmware/core/scheduler/fair_queue.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/scheduler/jobs.h"

namespace twinseal::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::uint64_t> Numbers(const std::vector<JobPtr>& jobs) {
  std::vector<std::uint64_t> numbers;
  for (const JobPtr& job : jobs) numbers.push_back(job->request.number());
  return numbers;
}

void Push(FairQueue& queue, JobPtr job) { ASSERT_TRUE(queue.Push(job).ok()); }

TEST(FairQueueTest, OneCallersRequestsForOneKeyComeInOrder) {
  FairQueue queue({});
  for (std::uint64_t number = 1; number <= 5; ++number) Push(queue, MakeJob(number));
  EXPECT_EQ(queue.size(), 5U);
  EXPECT_THAT(Numbers(queue.Clear()), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Pop(), nullptr);
}

TEST(FairQueueTest, AThousandRequestsOfOneCallerDelayAnotherByOne) {
  FairQueue queue({});
  for (std::uint64_t number = 1; number <= 1000; ++number) Push(queue, MakeJob(number, "greedy"));
  Push(queue, MakeJob(2000, "modest"));
  EXPECT_EQ(queue.Pop()->request.number(), 1U);
  EXPECT_EQ(queue.Pop()->request.number(), 2000U);
  EXPECT_EQ(queue.Pop()->request.number(), 2U);
}

TEST(FairQueueTest, ACallersKeysTakeTurns) {
  FairQueue queue({});
  for (std::uint64_t number = 1; number <= 3; ++number) Push(queue, MakeJob(number, "alice", 1));
  Push(queue, MakeJob(10, "alice", 2));
  Push(queue, MakeJob(20, "bob", 1));
  EXPECT_THAT(Numbers(queue.Clear()), ElementsAre(1, 20, 10, 2, 3));
}

TEST(FairQueueTest, WhoComesBackAfterAnEmptyQueueHasNoAdvantage) {
  FairQueue queue({});
  Push(queue, MakeJob(1, "alice"));
  Push(queue, MakeJob(2, "bob"));
  EXPECT_EQ(queue.Pop()->request.number(), 1U);
  Push(queue, MakeJob(3, "alice"));
  EXPECT_THAT(Numbers(queue.Clear()), ElementsAre(2, 3));
}

TEST(FairQueueTest, EachLimitRefusesWithItsReasonAndLeavesTheJob) {
  const auto refused = [](QueueLimits limits, JobPtr first, JobPtr second) {
    FairQueue queue(limits);
    EXPECT_TRUE(queue.Push(first).ok());
    const Status status = queue.Push(second);
    EXPECT_NE(second, nullptr);
    EXPECT_EQ(queue.size(), 1U);
    return status.ok() ? std::string("taken") : status.error().message();
  };
  using testing::HasSubstr;
  EXPECT_THAT(refused({.total = 1}, MakeJob(1), MakeJob(2, "bob", 2)), HasSubstr("the appliance"));
  EXPECT_THAT(refused({.per_caller = 1}, MakeJob(1), MakeJob(2, "alice", 2)),
              HasSubstr("one client"));
  EXPECT_THAT(refused({.per_line = 1}, MakeJob(1), MakeJob(2, "bob", 1)), HasSubstr("one key"));
  EXPECT_THAT(refused({.bytes = 150}, MakeJob(1), MakeJob(2, "bob", 2)), HasSubstr("bytes"));
}

TEST(FairQueueTest, LimitsCountWhatWaitsNotWhatWas) {
  FairQueue queue({.total = 2, .per_caller = 2, .per_line = 2, .bytes = 200});
  for (std::uint64_t round = 0; round < 10; ++round) {
    Push(queue, MakeJob(1));
    Push(queue, MakeJob(2));
    JobPtr third = MakeJob(3);
    EXPECT_EQ(queue.Push(third).error().code(), Code::kResourceExhausted);
    EXPECT_EQ(queue.Clear().size(), 2U);
  }
}

TEST(FairQueueTest, JoinTakesTheSameKeyOnlyUpToTheRoomCallersInTurn) {
  FairQueue queue({});
  for (std::uint64_t number = 1; number <= 3; ++number) Push(queue, MakeJob(number, "alice", 1));
  Push(queue, MakeJob(4, "alice", 2));
  Push(queue, MakeJob(5, "bob", 1));
  const JobPtr first = queue.Pop();
  EXPECT_THAT(Numbers(queue.Join(*first, 2)), UnorderedElementsAre(2, 5));
  EXPECT_THAT(Numbers(queue.Join(*first, 10)), ElementsAre(3));
  EXPECT_THAT(Numbers(queue.Join(*first, 10)), IsEmpty());
  EXPECT_THAT(Numbers(queue.Clear()), ElementsAre(4));
}

TEST(FairQueueTest, JoinLeavesWhatDoesNotFitOrMayNot) {
  FairQueue queue({});
  const JobPtr first = MakeJob(1);
  JobPtr large = MakeJob(2, "alice");
  large->joinable_items = 5;
  JobPtr newer = MakeJob(3, "bob");
  newer->request.mutable_sign()->set_revision(2);
  JobPtr alone = MakeJob(4, "carol");
  alone->joinable_items = 0;
  Push(queue, std::move(large));
  Push(queue, std::move(newer));
  Push(queue, std::move(alone));
  Push(queue, MakeJob(5, "dave"));
  EXPECT_THAT(Numbers(queue.Join(*first, 4)), ElementsAre(5));
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_THAT(Numbers(queue.Join(*first, 5)), ElementsAre(2));
}

TEST(FairQueueTest, RemovesExactlyTheExpired) {
  FairQueue queue({});
  const Clock::time_point now = Clock::now();
  const auto at = [&](int seconds) { return now + std::chrono::seconds(seconds); };
  Push(queue, MakeJob(1, "alice", 1, at(1)));
  Push(queue, MakeJob(2, "alice", 1, at(3)));
  Push(queue, MakeJob(3, "alice", 2, at(2)));
  Push(queue, MakeJob(4, "bob", 1, at(1)));
  EXPECT_EQ(queue.EarliestDeadline(), at(1));
  EXPECT_THAT(Numbers(queue.RemoveExpired(at(0))), IsEmpty());
  EXPECT_THAT(Numbers(queue.RemoveExpired(at(2))), UnorderedElementsAre(1, 3, 4));
  EXPECT_EQ(queue.EarliestDeadline(), at(3));
  EXPECT_THAT(Numbers(queue.Clear()), ElementsAre(2));
  EXPECT_EQ(queue.EarliestDeadline(), std::nullopt);
}

}  // namespace
}  // namespace twinseal::core
