#include "firmware/service/core_link/pin_source.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace twinseal::service {
namespace {

Error SystemError(std::string_view doing) {
  return Error(Code::kFailedPrecondition, fmt::format("{}: {}", doing, strerror(errno)));
}

Result<UniqueFd> MemoryFile() {
  UniqueFd file(memfd_create("hsm-pin", MFD_CLOEXEC));
  if (!file.valid()) return SystemError("making a memory file for the PIN");
  return file;
}

// Moves bytes from a pipe to a file until the pipe's end, or once.
Status SplicePipe(int pipe, int file, bool once) {
  std::size_t moved = 0;
  for (;;) {
    const ssize_t n = splice(pipe, nullptr, file, nullptr, kMaxPinBytes + 1, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError("taking the PIN over");
    moved += static_cast<std::size_t>(n);
    if (moved > kMaxPinBytes) {
      return Error(Code::kInvalidArgument,
                   fmt::format("the PIN has more than {} bytes", kMaxPinBytes));
    }
    if (n == 0 || once) return Ok();
  }
}

Result<UniqueFd> FromPipe(int pipe) {
  TWINSEAL_ASSIGN_OR_RETURN(UniqueFd file, MemoryFile());
  TWINSEAL_RETURN_IF_ERROR(SplicePipe(pipe, file.get(), false));
  return file;
}

// Restores the terminal on every path.
class EchoOff {
 public:
  explicit EchoOff(int terminal) : terminal_(terminal), saved_(tcgetattr(terminal, &before_) == 0) {
    if (!saved_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ICANON | ECHONL;
    tcsetattr(terminal_, TCSAFLUSH, &silent);
  }
  ~EchoOff() {
    if (saved_) tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  int terminal_;
  termios before_{};
  bool saved_;
};

// A terminal in line mode gives one line a read, and so a splice moves just that.
Result<UniqueFd> FromTerminal(const std::string& prompt) {
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal.valid()) {
    return Error(Code::kFailedPrecondition,
                 "the HSM's PIN is needed: give it with --pin-fd, as the systemd credential "
                 "hsm-pin, or start on a "
                 "terminal to be asked");
  }
  TWINSEAL_ASSIGN_OR_RETURN(UniqueFd file, MemoryFile());
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("making a pipe for the PIN");
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  const EchoOff silent(terminal.get());
  if (write(terminal.get(), prompt.data(), prompt.size()) < 0)
    return SystemError("asking for the PIN");
  ssize_t n = 0;
  do {
    n = splice(terminal.get(), nullptr, in.get(), nullptr, kMaxPinBytes, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return SystemError("reading the PIN from the terminal; give it with --pin-fd");
  TWINSEAL_RETURN_IF_ERROR(SplicePipe(out.get(), file.get(), true));
  return file;
}

}  // namespace

std::string CredentialsDirectory() {
  const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder == nullptr ? "" : folder;
}

Result<UniqueFd> AcquirePin(const PinSource& source) {
  if (source.fd >= 0) {
    UniqueFd given(source.fd);
    struct stat info {};
    if (fstat(given.get(), &info) != 0) {
      return Error(Code::kInvalidArgument,
                   fmt::format("--pin-fd {}: {}", given.get(), strerror(errno)));
    }
    if (S_ISREG(info.st_mode)) {
      fcntl(given.get(), F_SETFD, FD_CLOEXEC);
      return given;
    }
    if (S_ISFIFO(info.st_mode)) return FromPipe(given.get());
    return Error(Code::kInvalidArgument, "--pin-fd takes a file or a pipe");
  }
  if (!source.credentials_directory.empty()) {
    const std::filesystem::path path =
        std::filesystem::path(source.credentials_directory) / kPinCredential;
    UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.valid()) return file;
    if (errno != ENOENT) return SystemError(fmt::format("opening {}", path.string()));
  }
  if (source.prompt.empty()) {
    return Error(
        Code::kFailedPrecondition,
        "the HSM's PIN is needed: give it with --pin-fd or as the systemd credential hsm-pin");
  }
  return FromTerminal(source.prompt);
}

}  // namespace twinseal::service
