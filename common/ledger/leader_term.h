// Notices that the ledger has another leader than when something was asked of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/base/mutex.h"
#include "common/etcd/gateway.h"

namespace twinseal::ledger {

// A leader that is lost takes what it was asked with it, one that hands on its leadership drops
// what comes meanwhile, and nobody tells who asked. Each leader has a term of its own, and later
// ones have higher numbers. Thread-safe. The gateway outlives it.
class LeaderTerm {
 public:
  explicit LeaderTerm(etcd::Gateway& gateway) : gateway_(gateway) {}

  // The latest that is known.
  std::uint64_t latest() const { return latest_.load(std::memory_order_relaxed); }
  // What an answer says.
  void Saw(std::uint64_t term);
  // Whether the member at that endpoint knows a leader of a later term. No when it does not say so
  // soon. It is asked by one caller at a time, and at most twenty times a second.
  bool HasPassed(std::uint64_t term, std::size_t endpoint) TWINSEAL_EXCLUDES(mutex_);

 private:
  void Ask(std::size_t endpoint) TWINSEAL_REQUIRES(mutex_);

  etcd::Gateway& gateway_;
  std::atomic<std::uint64_t> latest_{0};
  Mutex mutex_;
  std::uint64_t led_ TWINSEAL_GUARDED_BY(mutex_) = 0;  // The latest whose leader is known.
  std::chrono::steady_clock::time_point asked_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::ledger
