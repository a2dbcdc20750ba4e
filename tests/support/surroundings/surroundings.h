// What a process sees of its machine, as the file says whose path it was given. Whoever may write
// the file changes it while the process runs.
#pragma once

#include <cstdint>
#include <ctime>

namespace twinseal::test {

// The file's content, in the machine's byte order.
struct Surroundings {
  volatile std::int64_t clock_offset_ns;  // Of the wall clock.
  volatile std::int64_t sync_delay_ns;    // Before each sync of a file.
};

// Stays mapped; those of a machine as it is when the file cannot be read.
const Surroundings& MapSurroundings(const char* path);

inline constexpr std::int64_t kSecondNs = 1'000'000'000;

// A reading of the wall clock.
void Shift(const Surroundings& surroundings, timespec& time);

}  // namespace twinseal::test
