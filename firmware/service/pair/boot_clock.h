// A clock that goes on while the machine sleeps, and that nobody sets.
#pragma once

#include <chrono>
#include <ctime>
#include <functional>

namespace twinseal::service {

// CLOCK_BOOTTIME (clock_gettime(2)): a site that slept through the end of its lease knows it.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return time_point(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
  }
};

using BootTime = std::function<BootClock::time_point()>;

}  // namespace twinseal::service
