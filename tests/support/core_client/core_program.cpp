#include "tests/support/core_client/core_program.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace twinseal::test {
namespace {

// The numbers that the core finds its descriptors under.
constexpr int kChannelFd = 3;
constexpr int kPinFd = 4;
constexpr int kSoPinFd = 5;

UniqueFd FileOf(const std::string& text) {
  UniqueFd file(memfd_create("pin", MFD_CLOEXEC));
  if (!file.valid() ||
      write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("a PIN cannot be passed on");
  }
  return file;
}

// A copy with a number above those that the core gets, so that no dup2 overwrites another's source.
UniqueFd High(int fd) {
  UniqueFd high(fcntl(fd, F_DUPFD_CLOEXEC, 64));
  if (!high.valid()) throw std::runtime_error("a descriptor cannot be passed on");
  return high;
}

}  // namespace

CoreProgram::CoreProgram(const CoreArguments& arguments) : log_(arguments.data_dir / "core.log") {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    throw std::runtime_error("no socket pair");
  }
  socket_ = UniqueFd(pair[0]);
  const UniqueFd theirs_low(pair[1]);
  const UniqueFd theirs = High(theirs_low.get());

  std::vector<std::string> words = {arguments.program,
                                    "--channel-fd",
                                    std::to_string(kChannelFd),
                                    "--data-dir",
                                    arguments.data_dir,
                                    "--site",
                                    "a",
                                    "--module",
                                    arguments.module,
                                    "--token",
                                    arguments.token,
                                    "--sessions",
                                    std::to_string(arguments.sessions)};
  if (!arguments.module_arguments.empty()) {
    words.insert(words.end(), {"--module-arguments", arguments.module_arguments});
  }

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kChannelFd);
  UniqueFd pin;
  UniqueFd so_pin;
  if (arguments.pin) {
    pin = High(FileOf(*arguments.pin).get());
    posix_spawn_file_actions_adddup2(&actions, pin.get(), kPinFd);
    words.insert(words.end(), {"--pin-fd", std::to_string(kPinFd)});
  }
  if (arguments.so_pin) {
    so_pin = High(FileOf(*arguments.so_pin).get());
    posix_spawn_file_actions_adddup2(&actions, so_pin.get(), kSoPinFd);
    words.insert(words.end(), {"--so-pin-fd", std::to_string(kSoPinFd)});
  }
  words.insert(words.end(), arguments.more.begin(), arguments.more.end());

  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int spawned =
      posix_spawn(&pid_, arguments.program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (spawned != 0) throw std::runtime_error("cannot start " + arguments.program.string());
}

CoreProgram::~CoreProgram() {
  socket_.Reset();
  Kill();
  Wait();
}

void CoreProgram::Kill() {
  if (!end_) kill(pid_, SIGKILL);
}

CoreEnd CoreProgram::Wait() {
  if (end_) return *end_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  end_ = WIFSIGNALED(status) ? CoreEnd{.signal = WTERMSIG(status), .exit_status = 0}
                             : CoreEnd{.signal = 0, .exit_status = WEXITSTATUS(status)};
  return *end_;
}

std::string CoreProgram::Log() const {
  std::ifstream file(log_);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace twinseal::test
