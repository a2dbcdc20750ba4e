// Keeps the calls of one session and the re-initialisation of its module apart, without a lock that
// sessions share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "common/base/mutex.h"

namespace twinseal::hsm {

// One a session. The session's thread passes through it at each call: two atomic operations on a
// cache line that nobody else touches. Another thread closes it to keep that thread out, waiting at
// most a stated time for the call that is under way. Neither side ever waits for a thread that is
// stuck in the module.
class CallGate {
 public:
  // By the session's thread alone. False when the gate is closed: no call then.
  bool Enter() noexcept;
  void Leave() noexcept;

  // By any other thread, one at a time. False when the call under way has not returned by `until`;
  // the gate is open then, as before.
  bool CloseUntil(std::chrono::steady_clock::time_point until);
  void Open();

 private:
  enum State : std::uint8_t { kIdle, kBusy, kBusyAndAwaited, kClosed };

  std::atomic<std::uint8_t> state_ = kIdle;
  Mutex mutex_;
  Condition left_;
};

}  // namespace twinseal::hsm
