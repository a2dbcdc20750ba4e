#include "agent/pkcs11/log.h"

#include <chrono>
#include <ctime>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::pkcs11 {

void Log::Write(std::string_view words) const {
  if (path_.empty()) return;
  constexpr mode_t kOwnerOnly = 0600;
  const UniqueFd file(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kOwnerOnly));
  if (!file.valid()) return;
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  const std::string line = fmt::format("{:%Y-%m-%d %H:%M:%S}Z [{}] {}\n", utc, getpid(), words);
  // One write, so that the lines of several processes do not mix. If the disk is full, so be it.
  if (write(file.get(), line.data(), line.size()) < 0) return;
}

}  // namespace twinseal::pkcs11
