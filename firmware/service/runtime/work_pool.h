// A few threads for what blocks (the ledger, key flows), with a bounded queue in front.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"

namespace twinseal::service {

// Thread-safe.
class WorkPool {
 public:
  WorkPool(std::size_t threads, std::size_t queue_limit);
  // As Stop().
  ~WorkPool();

  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False when the queue is full or the pool is stopping; the job is not run then.
  [[nodiscard]] bool Submit(std::function<void()> job);

  // Runs what was submitted, then joins the threads.
  void Stop();

 private:
  void Run();

  const std::size_t queue_limit_;
  Mutex mutex_;
  Condition changed_;
  std::deque<std::function<void()>> queue_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace twinseal::service
