// Calls that wait at the same time go out together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "common/base/mutex.h"

namespace twinseal {

// There are so many lines; while one is free, a call takes it at once. Whoever gets a line takes
// those along that wait and fit: the longer the lines are busy, the more go together, and a call
// that is alone waits for nobody.
//
// A Group has a type Job, and `bool Add(Job&)`, which takes a job along unless it does not fit; the
// first fits always. `send` answers every job of a group, and does not throw. Thread-safe.
template <typename Group>
class Together {
 public:
  using Job = typename Group::Job;

  Together(std::size_t lines, std::function<void(Group&)> send)
      : send_(std::move(send)), free_(lines) {}

  // Returns when the job has been answered. Blocks.
  void Run(Job& job) TWINSEAL_EXCLUDES(mutex_) {
    Waiter own(job);
    Enqueue(own);
    while (std::unique_ptr<Trip> trip = NextTrip(own)) {
      send_(trip->group);
      Finish(*trip);
    }
  }

  // How many wait for a line.
  std::size_t waiting() const TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return waiting_.size();
  }

 private:
  struct Waiter {
    explicit Waiter(Job& one) : job(&one) {}

    Job* job;
    bool waits = false;   // Its thread does, for a line or for its answer.
    bool leaves = false;  // With somebody's trip.
    bool done = false;
    Condition changed;
  };
  struct Trip {
    Group group;
    std::deque<Waiter*> waiters;
  };

  void Enqueue(Waiter& own) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    waiting_.push_back(&own);
  }

  // Nothing when the job has been answered.
  std::unique_ptr<Trip> NextTrip(Waiter& own) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    own.waits = true;
    while (!own.done && (own.leaves || free_ == 0)) own.changed.Wait(mutex_);
    own.waits = false;
    if (own.done) return nullptr;
    --free_;
    auto trip = std::make_unique<Trip>();
    std::deque<Waiter*> left;
    for (Waiter* const waiter : waiting_) {
      waiter->leaves = trip->group.Add(*waiter->job);
      (waiter->leaves ? trip->waiters : left).push_back(waiter);
    }
    waiting_.swap(left);
    WakeNext();
    return trip;
  }

  void Finish(const Trip& trip) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    ++free_;
    for (Waiter* const waiter : trip.waiters) {
      waiter->done = true;
      waiter->changed.NotifyOne();
    }
    WakeNext();
  }

  void WakeNext() TWINSEAL_REQUIRES(mutex_) {
    if (free_ == 0) return;
    // Who is away with others' jobs comes back by itself.
    const auto next =
        std::find_if(waiting_.begin(), waiting_.end(), [](const Waiter* w) { return w->waits; });
    if (next != waiting_.end()) (*next)->changed.NotifyOne();
  }

  const std::function<void(Group&)> send_;
  mutable Mutex mutex_;
  std::size_t free_ TWINSEAL_GUARDED_BY(mutex_);
  std::deque<Waiter*> waiting_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal
