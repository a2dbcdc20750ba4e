#include "tests/support/surroundings/surroundings.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace twinseal::test {

const Surroundings& MapSurroundings(const char* path) {
  static const Surroundings plain{0, 0};
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return plain;
  void* const mapped = mmap(nullptr, sizeof(Surroundings), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? plain : *static_cast<const Surroundings*>(mapped);
}

void Shift(const Surroundings& surroundings, timespec& time) {
  const std::int64_t shifted = time.tv_nsec + surroundings.clock_offset_ns;
  std::int64_t carry = shifted / kSecondNs;
  time.tv_nsec = shifted % kSecondNs;
  if (time.tv_nsec < 0) {
    time.tv_nsec += kSecondNs;
    --carry;
  }
  time.tv_sec += carry;
}

}  // namespace twinseal::test
