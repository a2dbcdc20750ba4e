// A wall clock that is off and a disk that is slow, for a process that was started with
// LD_PRELOAD=libtwinseal_surroundings.so and TWINSEAL_SURROUNDINGS=FILE. Whoever may write the file
// changes them while the process runs. Without the variable everything is as it is.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

// The file's content, in the machine's byte order.
struct Surroundings {
  volatile std::int64_t clock_offset_ns;
  volatile std::int64_t sync_delay_ns;
};

const Surroundings kPlain{0, 0};
constexpr std::int64_t kSecondNs = 1'000'000'000;

const Surroundings* Open() {
  const char* const path = std::getenv("TWINSEAL_SURROUNDINGS");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &kPlain;
  void* const mapped = mmap(nullptr, sizeof(Surroundings), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? &kPlain : static_cast<const Surroundings*>(mapped);
}

// The first call is made while the process loads its libraries, before any sandbox or thread.
const Surroundings& Now() {
  static const Surroundings* const surroundings = Open();
  return *surroundings;
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void Shift(std::int64_t& seconds, std::int64_t& nanoseconds) {
  const std::int64_t shifted = nanoseconds + Now().clock_offset_ns;
  std::int64_t carry = shifted / kSecondNs;
  nanoseconds = shifted % kSecondNs;
  if (nanoseconds < 0) {
    nanoseconds += kSecondNs;
    --carry;
  }
  seconds += carry;
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
    Shift(time->tv_sec, time->tv_nsec);
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
