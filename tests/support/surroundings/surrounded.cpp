// twinseal-surrounded FILE PROGRAM [ARGUMENT...]: becomes the program, in the surroundings that the
// file tells, for programs that make their system calls themselves (etcd is written in Go). A
// second process answers for the kernel (seccomp_unotify(2)) where the wall clock is read or a
// file synced; it ends with the program. No privilege is needed.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/surroundings/surroundings.h"

namespace {

using twinseal::test::kSecondNs;
using twinseal::test::Surroundings;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "twinseal-surrounded: %s: %s\n", what, std::strerror(errno));
  _exit(EXIT_FAILURE);
}

void Must(bool good, const char* what) {
  if (!good) Fail(what);
}

// --- The program's side.

// What the other process answers for.
int LoadFilter() {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const auto ask = [&](int call, unsigned conditions, scmp_arg_cmp condition = {}) {
    return seccomp_rule_add(filter, SCMP_ACT_NOTIFY, call, conditions, condition) == 0;
  };
  const bool good = filter != nullptr && ask(SCMP_SYS(fsync), 0) && ask(SCMP_SYS(fdatasync), 0) &&
                    ask(SCMP_SYS(clock_gettime), 1, SCMP_A0(SCMP_CMP_EQ, CLOCK_REALTIME)) &&
                    seccomp_load(filter) == 0;
  Must(good, "asking for notifications");
  return seccomp_notify_fd(filter);
}

[[noreturn]] void Become(int socket, pid_t helper, char** command) {
  prctl(PR_SET_PTRACER, helper);  // Refused where nobody has to be told.
  Must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "giving up privileges");
  const int notifications = LoadFilter();
  Must(write(socket, &notifications, sizeof(int)) == sizeof(int), "handing over");
  char ready = 0;
  Must(read(socket, &ready, 1) == 1, "waiting for the other process");
  execv(command[0], command);
  Fail(command[0]);
}

// --- The other process's side.

// The program's notifications, of which it tells the number.
int TakeNotifications(int socket, pid_t program) {
  int number = -1;
  Must(read(socket, &number, sizeof(int)) == sizeof(int), "hearing of the notifications");
  const long process = syscall(SYS_pidfd_open, program, 0);
  Must(process >= 0, "finding the program");
  const long taken = syscall(SYS_pidfd_getfd, process, number, 0);
  Must(taken >= 0, "taking the notifications");
  return static_cast<int>(taken);
}

std::uint64_t StackPointer(pid_t program) {
#if defined(__x86_64__)
  user_regs_struct registers{};
#else
  user_pt_regs registers{};
#endif
  iovec into{&registers, sizeof(registers)};
  Must(ptrace(PTRACE_GETREGSET, program, NT_PRSTATUS, &into) == 0, "reading the registers");
#if defined(__x86_64__)
  return registers.rsp;
#else
  return registers.sp;
#endif
}

std::uint64_t Peek(pid_t program, std::uint64_t address) {
  errno = 0;
  const long word = ptrace(PTRACE_PEEKDATA, program, address, nullptr);
  Must(errno == 0, "reading the stack");
  return static_cast<std::uint64_t>(word);
}

// The clock is usually read without a system call (vdso(7)); a program that is not told where is
// left with the call. On its first stack are the arguments, the environment and what the kernel
// tells (getauxval(3)), each list ended by a zero.
void HideClock(pid_t program) {
  constexpr std::uint64_t kWord = sizeof(std::uint64_t);
  std::uint64_t at = StackPointer(program) + kWord;
  for (int list = 0; list < 2; ++list) {
    while (Peek(program, at) != 0) at += kWord;
    at += kWord;
  }
  for (; Peek(program, at) != AT_NULL; at += 2 * kWord) {
    if (Peek(program, at) != AT_SYSINFO_EHDR) continue;
    Must(ptrace(PTRACE_POKEDATA, program, at, AT_IGNORE) == 0, "writing the stack");
  }
}

// Until the program has been exchanged for the other one.
void AwaitProgram(pid_t program) {
  int status = 0;
  while (waitpid(program, &status, __WALL) == program && WIFSTOPPED(status)) {
    if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8))) return;
    ptrace(PTRACE_CONT, program, nullptr, WSTOPSIG(status));
  }
  _exit(EXIT_FAILURE);  // It is gone.
}

class Answerer {
 public:
  Answerer(int notifications, const Surroundings& surroundings)
      : notifications_(notifications), surroundings_(surroundings) {
    Must(seccomp_notify_alloc(&asked_, &answer_) == 0, "preparing answers");
  }

  // Until the program has ended.
  void Run() {
    while (true) {
      pollfd ready{notifications_, POLLIN, 0};
      const int found = poll(&ready, 1, Milliseconds());
      if ((ready.revents & POLLHUP) != 0) return;
      if (found > 0) Take();
      while (!waiting_.empty() && waiting_.front().due <= Now()) {
        Continue(waiting_.front().id);
        waiting_.pop_front();
      }
    }
  }

 private:
  struct Sync {
    std::uint64_t id;
    std::int64_t due;
  };

  static std::int64_t Now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * kSecondNs + now.tv_nsec;
  }

  // Until the next sync may go on.
  int Milliseconds() const {
    if (waiting_.empty()) return -1;
    const std::int64_t left = waiting_.front().due - Now();
    return left <= 0 ? 0 : static_cast<int>(left / 1'000'000) + 1;
  }

  void Take() {
    std::memset(asked_, 0, sizeof(*asked_));
    if (seccomp_notify_receive(notifications_, asked_) != 0) return;  // It was interrupted.
    if (asked_->data.nr == SCMP_SYS(clock_gettime)) return TellTime();
    const std::int64_t delay = surroundings_.sync_delay_ns;
    if (delay <= 0) return Continue(asked_->id);
    waiting_.push_back({asked_->id, Now() + delay});
  }

  void TellTime() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    twinseal::test::Shift(surroundings_, now);
    iovec ours{&now, sizeof(now)};
    iovec theirs{reinterpret_cast<void*>(asked_->data.args[1]), sizeof(now)};
    if (seccomp_notify_id_valid(notifications_, asked_->id) != 0) return;
    const bool told =
        process_vm_writev(static_cast<pid_t>(asked_->pid), &ours, 1, &theirs, 1, 0) > 0;
    Answer(asked_->id, told ? 0 : -EFAULT, 0);
  }

  void Continue(std::uint64_t id) { Answer(id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }

  // To one that was interrupted meanwhile it is lost; it asks again.
  void Answer(std::uint64_t id, int error, unsigned flags) {
    std::memset(answer_, 0, sizeof(*answer_));
    answer_->id = id;
    answer_->error = error;
    answer_->flags = flags;
    static_cast<void>(seccomp_notify_respond(notifications_, answer_));
  }

  const int notifications_;
  const Surroundings& surroundings_;
  seccomp_notif* asked_ = nullptr;
  seccomp_notif_resp* answer_ = nullptr;
  std::deque<Sync> waiting_;  // By when they are due, but for a delay that was changed.
};

[[noreturn]] void Answer(int socket, pid_t program, const Surroundings& surroundings) {
  // The program is told when to end; this one ends after it.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_IGN);
  // By then it has told the kernel who may do this.
  const int notifications = TakeNotifications(socket, program);
  Must(ptrace(PTRACE_SEIZE, program, nullptr, PTRACE_O_TRACEEXEC) == 0, "tracing the program");
  Must(write(socket, "", 1) == 1, "telling the program");
  AwaitProgram(program);
  HideClock(program);
  Must(ptrace(PTRACE_DETACH, program, nullptr, nullptr) == 0, "leaving the program");
  // What the program has open ends with it.
  Must(dup2(notifications, STDIN_FILENO) == STDIN_FILENO, "keeping the notifications");
  close_range(STDIN_FILENO + 1, ~0U, 0);
  Answerer(STDIN_FILENO, surroundings).Run();
  _exit(EXIT_SUCCESS);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: twinseal-surrounded FILE PROGRAM [ARGUMENT...]\n", stderr);
    return EXIT_FAILURE;
  }
  const Surroundings& surroundings = twinseal::test::MapSurroundings(argv[1]);
  int sockets[2];
  Must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "making a socket");
  const pid_t program = getpid();
  const pid_t helper = fork();
  Must(helper >= 0, "making a process");
  if (helper == 0) {
    close(sockets[0]);
    Answer(sockets[1], program, surroundings);
  }
  close(sockets[1]);
  Become(sockets[0], helper, argv + 2);
}
