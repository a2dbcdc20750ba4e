#include "agent/cli/prompt.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "agent/cli/files.h"
#include "common/base/unique_fd.h"

namespace twinseal::cli {
namespace {

constexpr std::size_t kMaxSecretBytes = 255;
constexpr int kRounds = 3;

void Say(int terminal, std::string_view text) {
  // A terminal that takes no question is found out by the read that follows.
  (void)!write(terminal, text.data(), text.size());
}

// Signals that end or stop the program wait while this lives; they arrive when it dies.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
    waiting_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

  // Readable when a signal waits. It is never read, so the signal stays pending.
  int descriptor() const { return waiting_.get(); }

 private:
  sigset_t before_{};
  UniqueFd waiting_;
};

class EchoOff {
 public:
  explicit EchoOff(int terminal) : terminal_(terminal) {
    valid_ = tcgetattr(terminal, &before_) == 0;
    if (!valid_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL;
    // What was typed ahead was typed with echo: it is thrown away.
    valid_ = tcsetattr(terminal, TCSAFLUSH, &quiet) == 0;
  }
  ~EchoOff() {
    if (valid_) tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

  bool valid() const { return valid_; }

 private:
  int terminal_;
  termios before_{};
  bool valid_ = false;
};

Error NoTerminal(const std::string& terminal,
                 std::string_view otherwise = "give the secret through a descriptor") {
  return Error(Code::kFailedPrecondition, fmt::format("there is no terminal to ask at ({}: {}); {}",
                                                      terminal, SystemMessage(errno), otherwise));
}

// One line, without its end.
Result<Secret> ReadLine(int terminal, const SignalsHeld& signals) {
  Secret line(kMaxSecretBytes + 1);
  std::size_t size = 0;
  while (true) {
    std::array<pollfd, 2> ready{{{terminal, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
    if (ready[1].revents != 0) return Error(Code::kCanceled, "a signal ended the question");
    if (ready[0].revents == 0) continue;
    std::uint8_t& next = line.Writable(SecretAccess())[size];
    const ssize_t got = read(terminal, &next, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (next == '\n' || next == '\r') {
      line.Truncate(size);
      return line;
    }
    if (++size > kMaxSecretBytes) {
      return Error(Code::kInvalidArgument,
                   fmt::format("more than {} bytes were typed", kMaxSecretBytes));
    }
  }
  return Error(Code::kCanceled, "nothing was typed");
}

}  // namespace

Result<Secret> AskSecret(const std::string& terminal, const std::string& question) {
  const UniqueFd descriptor(open(terminal.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!descriptor.valid()) return NoTerminal(terminal);
  const SignalsHeld signals;
  const EchoOff quiet(descriptor.get());
  if (!quiet.valid()) return NoTerminal(terminal);
  Say(descriptor.get(), question + ": ");
  TWINSEAL_ASSIGN_OR_RETURN(Secret secret, ReadLine(descriptor.get(), signals));
  if (secret.empty())
    return Error(Code::kInvalidArgument, "nothing was typed; type the secret and Enter");
  return secret;
}

Result<std::string> AskLine(const std::string& terminal, const std::string& question,
                            const std::string& otherwise) {
  const UniqueFd descriptor(open(terminal.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!descriptor.valid() || isatty(descriptor.get()) == 0) return NoTerminal(terminal, otherwise);
  const SignalsHeld signals;
  Say(descriptor.get(), question);
  TWINSEAL_ASSIGN_OR_RETURN(const Secret typed, ReadLine(descriptor.get(), signals));
  const std::string line = ToString(typed.Reveal(SecretAccess()));
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string::npos) return std::string();
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

Result<Secret> AskNewSecret(const std::string& terminal, const std::string& question) {
  for (int round = 0; round < kRounds; ++round) {
    const std::string again = round == 0 ? "" : "They differ. ";
    TWINSEAL_ASSIGN_OR_RETURN(Secret first, AskSecret(terminal, again + question));
    TWINSEAL_ASSIGN_OR_RETURN(const Secret second, AskSecret(terminal, question + ", once more"));
    if (first == second) return first;
  }
  return Error(Code::kInvalidArgument,
               fmt::format("the two entries differed {} times; start again", kRounds));
}

}  // namespace twinseal::cli
