// Tells the signing core about keys that another site has changed, so that it refuses by itself
// what is refused there.
#pragma once

#include <functional>
#include <set>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"

namespace twinseal::service {

// One thread, which tells of a key that changed several times once. What fails is not tried again:
// the core is told at the next use of the key, or at the next start. Thread-safe.
class CoreFollower {
 public:
  using Tell = std::function<Status(const KeyId&)>;

  explicit CoreFollower(Tell tell) : tell_(std::move(tell)) {}
  ~CoreFollower();  // As Stop().
  CoreFollower(const CoreFollower&) = delete;
  CoreFollower& operator=(const CoreFollower&) = delete;

  void Start();
  void Stop();
  // Quick.
  void Changed(const KeyId& id) TWINSEAL_EXCLUDES(mutex_);

 private:
  void Run();

  const Tell tell_;
  Mutex mutex_;
  Condition changed_;
  std::set<KeyId> waiting_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::service
