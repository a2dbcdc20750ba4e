// When a lost connection is tried again, and how deep. Private to this folder.
#pragma once

#include <chrono>
#include <cstdint>

#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/rv.h"

namespace twinseal::hsm {

// Counts the faults of a connection. Not thread-safe: the connection's lock is held.
class Recovery {
 public:
  using Clock = RecoveryPolicy::Clock;

  explicit Recovery(const RecoveryPolicy& policy) : policy_(policy) {}

  // Sessions of one incident fail one after the other; only the first counts. `incarnation` is the
  // failed session's, `newest` the last one that was given out.
  void SessionFault(Loss loss, std::uint64_t incarnation, std::uint64_t newest);
  // An attempt to set things up failed.
  void AttemptFailed(Loss loss);
  void ModuleInitialized() { module_lost_ = false; }

  bool module_lost() const { return module_lost_; }
  // Zero or less: now.
  Clock::duration UntilNextAttempt() const { return next_attempt_ - policy_.now(); }

 private:
  void Count(Loss loss);

  const RecoveryPolicy& policy_;
  unsigned faults_ = 0;
  bool module_lost_ = false;
  std::uint64_t counted_up_to_ = 0;
  Clock::time_point last_fault_{};
  Clock::time_point next_attempt_{};
};

}  // namespace twinseal::hsm
