// The requests that wait for a worker: bounded, and fair between callers and between a caller's
// keys.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "firmware/core/scheduler/job.h"

namespace twinseal::core {

struct QueueLimits {
  // Together: 8,192 requests at 1,000 activations a second wait 8 s, which is less than the usual
  // deadline.
  std::size_t total = 8192;
  // One caller cannot fill the queue for the others.
  std::size_t per_caller = 2048;
  std::size_t per_line = 4096;
  // Together, as they came through the socket. 8,192 ordinary requests are 1 MiB; the rest is for
  // batches.
  std::size_t bytes = std::size_t{16} << 20;
};

// Callers take turns, and within a caller its keys do; within a key, first come first served. So a
// caller with a thousand waiting requests delays another by one activation. Not thread-safe.
class FairQueue {
 public:
  explicit FairQueue(QueueLimits limits) : limits_(limits) {}

  // Takes `job` unless a limit is reached: then resource_exhausted that says which, and `job` stays
  // the caller's.
  Status Push(JobPtr& job);

  // The next in turn; null when nothing waits.
  JobPtr Pop();

  // Requests that wait for the same key version as `first` and may share its activation: together
  // at most `room` items, callers taking turns. None that was told of a newer revision of the key
  // than `first` was.
  std::vector<JobPtr> Join(const Job& first, std::size_t room);

  // Those whose deadline has come.
  std::vector<JobPtr> RemoveExpired(Clock::time_point now);

  // All of them.
  std::vector<JobPtr> Clear();

  // Looks at every request.
  std::optional<Clock::time_point> EarliestDeadline() const;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Caller;
  // What one caller has waiting for one key version.
  struct Group {
    Caller* caller;
    Line line;
    std::list<JobPtr> jobs;
    std::list<Group*>::iterator in_line;
  };
  struct Caller {
    std::string name;
    std::list<Group> turns;  // The front's turn is next.
    std::unordered_map<Line, std::list<Group>::iterator, LineHash> groups;
    std::size_t size = 0;
    std::list<Caller>::iterator self;
  };
  struct LineEntry {
    std::list<Group*> turns;
    std::size_t size = 0;
  };

  JobPtr Remove(Group& group, std::list<JobPtr>::iterator position);
  // Forgets the group, its caller and its line when they are empty.
  void Prune(Group& group);

  QueueLimits limits_;
  std::list<Caller> turns_;  // Only callers that wait; the front's turn is next.
  std::unordered_map<std::string_view, std::list<Caller>::iterator>
      callers_;  // Keys view Caller::name.
  std::unordered_map<Line, LineEntry, LineHash> lines_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace twinseal::core
