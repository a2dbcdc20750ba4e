// A mutex that clang's thread-safety analysis understands (-Wthread-safety; nothing under other
// compilers).
//
//   Mutex mutex_;
//   int count_ TWINSEAL_GUARDED_BY(mutex_) = 0;
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define TWINSEAL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TWINSEAL_THREAD_ATTRIBUTE(x)
#endif

#define TWINSEAL_GUARDED_BY(x) TWINSEAL_THREAD_ATTRIBUTE(guarded_by(x))
#define TWINSEAL_REQUIRES(...) TWINSEAL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TWINSEAL_EXCLUDES(...) TWINSEAL_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace twinseal {

class TWINSEAL_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() TWINSEAL_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() TWINSEAL_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class TWINSEAL_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TWINSEAL_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() TWINSEAL_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waiting for a change of what a Mutex guards. The caller holds the mutex and re-checks its
// condition in a loop.
class Condition {
 public:
  void Wait(Mutex& mutex) TWINSEAL_REQUIRES(mutex) { condition_.wait(mutex); }
  // False when the time point passed first.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point until)
      TWINSEAL_REQUIRES(mutex) {
    return condition_.wait_until(mutex, until) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace twinseal
