// A wall clock that is off and a disk that is slow, for a process that was started with
// LD_PRELOAD=libtwinseal_surroundings.so and TWINSEAL_SURROUNDINGS=FILE. Without the variable
// everything is as it is.
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/surroundings/surroundings.h"

namespace {

using twinseal::test::kSecondNs;
using twinseal::test::Surroundings;

// The first call is made while the process loads its libraries, before any sandbox or thread.
const Surroundings& Now() {
  static const Surroundings& surroundings =
      twinseal::test::MapSurroundings(std::getenv("TWINSEAL_SURROUNDINGS"));
  return surroundings;
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void WaitForDisk() {
  const std::int64_t delay = Now().sync_delay_ns;
  if (delay <= 0) return;
  timespec left{delay / kSecondNs, delay % kSecondNs};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

[[gnu::constructor]] void Load() { Now(); }

}  // namespace

extern "C" {

[[gnu::visibility("default")]] int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto next = Next<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int status = next(clock, time);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    twinseal::test::Shift(Now(), *time);
  }
  return status;
}

[[gnu::visibility("default")]] int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

[[gnu::visibility("default")]] time_t time(time_t* result) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}

[[gnu::visibility("default")]] int fsync(int file) {
  static const auto next = Next<int (*)(int)>("fsync");
  WaitForDisk();
  return next(file);
}

[[gnu::visibility("default")]] int fdatasync(int file) {
  static const auto next = Next<int (*)(int)>("fdatasync");
  WaitForDisk();
  return next(file);
}

}  // extern "C"
