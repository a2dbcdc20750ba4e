#include "common/etcd/child_process.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace twinseal::etcd {
namespace {

// The child's first descriptor that is not a standard one.
constexpr int kFirstFile = 3;
// Descriptors are moved above this one first, so that one dup2 does not overwrite the source of the
// next.
constexpr int kAboveFiles = 32;
constexpr int kCannotExecute = 127;

Error Refused(std::string_view what, int reason) {
  return Error(Code::kUnavailable, fmt::format("{}: {}", what, strerror(reason)));
}

// What the child needs, made before the fork: behind it only the kernel may be called.
struct Prepared {
  explicit Prepared(const ChildCommand& command)
      : program(command.program), arguments(command.arguments), environment(command.environment) {
    argv.push_back(program.data());
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    for (std::string& variable : environment) envp.push_back(variable.data());
    envp.push_back(nullptr);
  }

  Status TakeFiles(const std::vector<int>& files) {
    for (const int file : files) {
      high.emplace_back(fcntl(file, F_DUPFD_CLOEXEC, kAboveFiles));
      if (!high.back().valid()) return Refused("passing a file to a child process", errno);
    }
    return Ok();
  }

  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<UniqueFd> high;
  UniqueFd nothing;
  UniqueFd output;
  pid_t parent = 0;
};

void ResetSignals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    // Fails for those that cannot be changed.
    if (::signal(signal, SIG_DFL) == SIG_ERR) continue;
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void Become(const Prepared& prepared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != prepared.parent) _exit(kCannotExecute);  // It died before the line above.
  setpgid(0, 0);
  umask(S_IRWXG | S_IRWXO);
  ResetSignals();
  dup2(prepared.nothing.get(), STDIN_FILENO);
  dup2(prepared.output.get(), STDOUT_FILENO);
  dup2(prepared.output.get(), STDERR_FILENO);
  int next = kFirstFile;
  for (const UniqueFd& file : prepared.high) dup2(file.get(), next++);
  close_range(static_cast<unsigned>(next), ~0U, 0);
  execve(prepared.program.c_str(), prepared.argv.data(), prepared.envp.data());
  _exit(kCannotExecute);
}

bool CanBeRun(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::string Describe(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("exit status {}", info.si_status);
  return fmt::format("signal {} ({})", info.si_status, strsignal(info.si_status));
}

}  // namespace

std::optional<std::string> FindProgram(const std::string& name, const std::string& path) {
  if (name.find('/') != std::string::npos)
    return CanBeRun(name) ? std::optional(name) : std::nullopt;
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && CanBeRun(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<ChildProcess> ChildProcess::Spawn(const ChildCommand& command) {
  Prepared prepared(command);
  TWINSEAL_RETURN_IF_ERROR(prepared.TakeFiles(command.files));
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Refused("making a child's pipe", errno);
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  prepared.output = UniqueFd(fcntl(theirs.get(), F_DUPFD_CLOEXEC, kAboveFiles));
  prepared.nothing = UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!prepared.output.valid() || !prepared.nothing.valid() ||
      fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return Refused("making a child's pipe", errno);
  }
  prepared.parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return Refused(fmt::format("starting {}", command.program), errno);
  if (pid == 0) Become(prepared);
  UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!handle.valid()) {
    const int reason = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Refused(fmt::format("watching {}", command.program), reason);
  }
  return ChildProcess(pid, std::move(handle), std::move(ours));
}

ChildProcess::~ChildProcess() {
  if (!handle_.valid()) return;
  Signal(SIGKILL);
  Wait();
}

// Through the pidfd: a number may belong to another process by now, a pidfd cannot.
void ChildProcess::Signal(int signal) {
  syscall(SYS_pidfd_send_signal, handle_.get(), signal, nullptr, 0);
}

std::string ChildProcess::Wait() {
  if (!end_.empty()) return end_;
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(handle_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  end_ = Describe(info);
  return end_;
}

Result<std::string> OutputOf(const ChildCommand& command, std::size_t limit, int milliseconds) {
  const auto failed = [&](std::string_view why) {
    return Error(Code::kFailedPrecondition, fmt::format("{} {}", command.program, why));
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  const auto ready = [&](int fd) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd polled{fd, POLLIN, 0};
    return left.count() > 0 && poll(&polled, 1, static_cast<int>(left.count())) != 0;
  };
  TWINSEAL_ASSIGN_OR_RETURN(ChildProcess child, ChildProcess::Spawn(command));
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    if (!ready(child.output())) return failed("does not answer");
    const ssize_t count = read(child.output(), piece.data(), piece.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > limit) return failed("prints too much");
  }
  if (!ready(child.handle())) return failed("does not end");
  if (const std::string end = child.Wait(); end != "exit status 0")
    return failed(fmt::format("ended with {}: {}", end, text));
  return text;
}

}  // namespace twinseal::etcd
