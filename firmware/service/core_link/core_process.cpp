#include "firmware/service/core_link/core_process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace twinseal::service {
namespace {

// posix_spawn's file actions, freed on every path.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void Duplicate(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void Open(int fd, const char* path, int flags) {
    posix_spawn_file_actions_addopen(&actions_, fd, path, flags, 0);
  }
  // Also what others left open without FD_CLOEXEC.
  void CloseFrom(int fd) { posix_spawn_file_actions_addclosefrom_np(&actions_, fd); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&attributes_);
    // A signal mask or ignored signals of ours are not the core's business.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    // Its own group: a Ctrl-C in the terminal ends twinseald, which then ends the core in good
    // order.
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Above every number that the child uses, so that one dup2 does not overwrite the source of the
// next.
Result<UniqueFd> MoveHigh(int fd) {
  UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, 16));
  if (!high.valid()) {
    return Error(Code::kInternal,
                 fmt::format("passing a descriptor to the signing core: {}", strerror(errno)));
  }
  return high;
}

class SpawnedCore : public CoreProcess {
 public:
  SpawnedCore(pid_t pid, UniqueFd pid_fd, UniqueFd socket)
      : pid_(pid), pid_fd_(std::move(pid_fd)), socket_(std::move(socket)) {}

  ~SpawnedCore() override {
    Kill();
    Wait();
  }

  UniqueFd TakeSocket() override { return std::move(socket_); }

  bool WaitFor(std::chrono::milliseconds time) override {
    pollfd polled{pid_fd_.get(), POLLIN, 0};
    return poll(&polled, 1, static_cast<int>(time.count())) > 0;
  }

  ProcessEnd Wait() override {
    if (end_) return *end_;
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(pid_fd_.get()), &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
    end_ =
        info.si_code == CLD_EXITED ? ProcessEnd{info.si_status, 0} : ProcessEnd{0, info.si_status};
    return *end_;
  }

  // Through the pidfd: a number may belong to another process by now, a pidfd cannot.
  void Kill() override { syscall(SYS_pidfd_send_signal, pid_fd_.get(), SIGKILL, nullptr, 0); }

  int pid() const override { return pid_; }

 private:
  const pid_t pid_;
  const UniqueFd pid_fd_;
  UniqueFd socket_;
  std::optional<ProcessEnd> end_;
};

}  // namespace

std::string ProcessEnd::Describe() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, strsignal(signal));
  return fmt::format("exit status {}", exit_status);
}

Result<std::unique_ptr<CoreProcess>> ProgramLauncher::Launch() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error(Code::kUnavailable,
                 fmt::format("making the signing core's socket: {}", strerror(errno)));
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs_low(ends[1]);

  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd theirs, MoveHigh(theirs_low.get()));
  FileActions actions;
  actions.Open(STDIN_FILENO, "/dev/null", O_RDONLY);
  actions.Duplicate(STDERR_FILENO, STDOUT_FILENO);
  actions.Duplicate(theirs.get(), kCoreSocketFd);
  int last = kCoreSocketFd;
  UniqueFd pin;
  UniqueFd so_pin;
  if (options_.pin_fd >= 0) {
    TWINSEAL_ASSIGN_OR_RETURN(pin, MoveHigh(options_.pin_fd));
    actions.Duplicate(pin.get(), kCorePinFd);
    last = kCorePinFd;
  }
  if (options_.so_pin_fd >= 0) {
    TWINSEAL_ASSIGN_OR_RETURN(so_pin, MoveHigh(options_.so_pin_fd));
    actions.Duplicate(so_pin.get(), kCoreSoPinFd);
    last = kCoreSoPinFd;
  }
  actions.CloseFrom(last + 1);

  std::string program = options_.program.string();
  std::vector<char*> argv;
  argv.push_back(program.data());
  for (std::string& argument : options_.arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const Attributes attributes;
  pid_t pid = 0;
  const int failure =
      posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(), argv.data(), environ);
  if (failure != 0) {
    return Error(Code::kUnavailable, fmt::format("starting {}: {}", program, strerror(failure)));
  }
  UniqueFd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd.valid()) {
    const int reason = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Error(Code::kInternal, fmt::format("watching the signing core: {}", strerror(reason)));
  }
  return std::unique_ptr<CoreProcess>(
      std::make_unique<SpawnedCore>(pid, std::move(pid_fd), std::move(ours)));
}

}  // namespace twinseal::service
