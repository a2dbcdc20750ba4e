#include "firmware/service/keys/core_follower.h"

#include <future>
#include <mutex>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinseal::service {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// Puts down what it was told; the first telling waits until the test lets it go on.
class CoreFollowerTest : public ::testing::Test {
 protected:
  ~CoreFollowerTest() override { follower_.Stop(); }

  Status Tell(const KeyId& id) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = told_.empty();
      told_.push_back(id);
      changed_.notify_all();
    }
    if (first) {
      begun_.set_value();
      go_.get_future().wait();
    }
    return answer_;
  }

  void WaitForTold(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_.size() >= count; });
  }
  std::vector<KeyId> Told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  const KeyId one_ = KeyId::Random();
  const KeyId two_ = KeyId::Random();
  const KeyId three_ = KeyId::Random();
  Status answer_ = Ok();
  std::promise<void> begun_;
  std::promise<void> go_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<KeyId> told_;
  CoreFollower follower_{[this](const KeyId& id) { return Tell(id); }};
};

TEST_F(CoreFollowerTest, TellsOfAKeyThatChangedOftenOnce) {
  follower_.Start();
  follower_.Changed(one_);
  begun_.get_future().wait();
  for (int i = 0; i < 3; ++i) {
    follower_.Changed(two_);
    follower_.Changed(three_);
  }
  go_.set_value();
  WaitForTold(3);
  follower_.Stop();
  EXPECT_THAT(Told(), UnorderedElementsAre(one_, two_, three_));
  EXPECT_EQ(Told()[0], one_);
}

TEST_F(CoreFollowerTest, TellsAgainOfAKeyThatChangesWhileItIsTold) {
  follower_.Start();
  follower_.Changed(one_);
  begun_.get_future().wait();
  follower_.Changed(one_);
  go_.set_value();
  WaitForTold(2);
  follower_.Stop();
  EXPECT_THAT(Told(), ElementsAre(one_, one_));
}

TEST_F(CoreFollowerTest, WhatFailsIsNotTriedAgain) {
  answer_ = Error(Code::kUnavailable, "the core is away");
  go_.set_value();
  follower_.Start();
  follower_.Changed(one_);
  WaitForTold(1);
  follower_.Changed(two_);
  WaitForTold(2);
  follower_.Stop();
  EXPECT_THAT(Told(), ElementsAre(one_, two_));
}

TEST_F(CoreFollowerTest, TellsWhatChangedBeforeItsStart) {
  go_.set_value();
  follower_.Changed(one_);
  follower_.Start();
  WaitForTold(1);
  EXPECT_THAT(Told(), ElementsAre(one_));
}

TEST_F(CoreFollowerTest, StopWaitsForWhatIsUnderWayAndBeginsNothing) {
  follower_.Start();
  follower_.Changed(one_);
  begun_.get_future().wait();
  follower_.Changed(two_);
  std::future<void> stopped = std::async(std::launch::async, [this] { follower_.Stop(); });
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  go_.set_value();
  stopped.get();
  // Whether the second was begun before the stop was asked for is chance; nothing is afterwards.
  const std::size_t told = Told().size();
  EXPECT_LE(told, 2U);
  follower_.Changed(three_);
  EXPECT_EQ(Told().size(), told);
}

TEST_F(CoreFollowerTest, MayBeStoppedWithoutAStartAndTwice) {
  follower_.Changed(one_);
  follower_.Stop();
  follower_.Stop();
  EXPECT_TRUE(Told().empty());
}

}  // namespace
}  // namespace twinseal::service
