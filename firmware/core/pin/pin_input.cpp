#include "firmware/core/pin/pin_input.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::core {
namespace {

Error Missing(std::string message) {
  return Error(Code::kFailedPrecondition, std::move(message), kPinMissing);
}

}  // namespace

Result<Secret> ReadPin(int fd) {
  // One byte for the newline, and one to see that there is more than there may be.
  Secret pin(kMaxPinBytes + 2);
  const auto room = pin.Writable(SecretAccess());
  std::size_t size = 0;
  bool seekable = true;
  while (size < room.size()) {
    ssize_t count = -1;
    if (seekable) {
      count = pread(fd, room.data() + size, room.size() - size, static_cast<off_t>(size));
      if (count < 0 && errno == ESPIPE) {
        seekable = false;
        continue;
      }
    } else {
      count = read(fd, room.data() + size, room.size() - size);
    }
    if (count < 0) {
      if (errno == EINTR) continue;
      return Missing(fmt::format("the HSM's user PIN cannot be read from descriptor {}: {}", fd,
                                 std::strerror(errno)));
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > 0 && room[size - 1] == '\n') --size;
  if (size > kMaxPinBytes) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("the PIN from descriptor {} is longer than {} bytes", fd, kMaxPinBytes),
        kPinMissing);
  }
  if (size == 0) {
    return Missing(fmt::format("descriptor {} holds no PIN; write the HSM's user PIN to it", fd));
  }
  pin.Truncate(size);
  return pin;
}

Result<Secret> FindPin(std::optional<int> fd,
                       const std::optional<std::string>& credentials_directory) {
  if (fd) return ReadPin(*fd);
  if (!credentials_directory) {
    return Missing(
        "the HSM's user PIN was not given; pass it with --pin-fd or as the systemd credential "
        "hsm-pin");
  }
  const std::string path = *credentials_directory + "/hsm-pin";
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    return Missing(
        fmt::format("the HSM's user PIN cannot be read from {}: {}", path, std::strerror(errno)));
  }
  return ReadPin(file.get());
}

}  // namespace twinseal::core
