#include "hsm/pkcs11/call_gate.h"

namespace twinseal::hsm {

bool CallGate::Enter() noexcept {
  std::uint8_t expected = kIdle;
  return state_.compare_exchange_strong(expected, kBusy, std::memory_order_acquire,
                                        std::memory_order_relaxed);
}

void CallGate::Leave() noexcept {
  if (state_.exchange(kIdle, std::memory_order_release) == kBusyAndAwaited) {
    const MutexLock lock(mutex_);
    left_.NotifyOne();
  }
}

bool CallGate::CloseUntil(std::chrono::steady_clock::time_point until) {
  const MutexLock lock(mutex_);
  bool in_time = true;
  while (true) {
    std::uint8_t state = kIdle;
    if (state_.compare_exchange_strong(state, kClosed, std::memory_order_acq_rel)) return true;
    if (state == kClosed) return true;
    if (state == kBusy)
      state_.compare_exchange_strong(state, kBusyAndAwaited, std::memory_order_acq_rel);
    // The thread may have left, and even come back, in the meantime: the loop looks again.
    if (state_.load(std::memory_order_acquire) != kBusyAndAwaited) continue;
    if (!in_time) {
      // Nobody waits any more. When the thread has left just now, the gate is open already.
      state = kBusyAndAwaited;
      state_.compare_exchange_strong(state, kBusy, std::memory_order_acq_rel);
      return false;
    }
    in_time = left_.WaitUntil(mutex_, until);
  }
}

void CallGate::Open() { state_.store(kIdle, std::memory_order_release); }

}  // namespace twinseal::hsm
