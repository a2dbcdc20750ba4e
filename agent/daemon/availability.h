// For how long the pair was there for its users, of the time that it was watched.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace twinseal::agent {

// On the monotonic clock, so that setting the clock changes nothing. Not thread-safe.
class Availability {
 public:
  using Clock = std::chrono::steady_clock;

  // What was counted by processes before this one.
  Availability(std::int64_t watched_ms, std::int64_t available_ms)
      : watched_(watched_ms), available_(available_ms) {}

  // How it is now; it was so since the last time. A pause of ours is not counted at all: nobody
  // knows how it was.
  void Note(Clock::time_point now, bool available);

  std::int64_t watched_ms() const { return watched_.count(); }
  std::int64_t available_ms() const { return available_.count(); }

 private:
  std::chrono::milliseconds watched_;
  std::chrono::milliseconds available_;
  std::optional<Clock::time_point> counted_until_;
};

}  // namespace twinseal::agent
