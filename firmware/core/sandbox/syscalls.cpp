#include "firmware/core/sandbox/syscalls.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>

namespace twinseal::core {
namespace {

struct Release {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};

// clang-format off
constexpr const char* kAllowed[] = {
    // Memory. Executable mappings are needed to load the module.
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "mlock", "mlock2", "munlock", "mlockall", "msync",
    "mincore", "membarrier", "mseal",
    // Threads and waiting.
    "set_robust_list", "get_robust_list", "rseq", "futex", "futex_waitv", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max",
    "sched_get_priority_min", "gettid", "getpid", "getppid", "tgkill", "exit", "exit_group", "restart_syscall",
    "set_tid_address", "getcpu",
    // Signals: only to ourselves; abort() needs tgkill.
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "sigaltstack",
    // Time.
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    // Files, as SQLite, SoftHSM and NSS use them.
    "open", "openat", "openat2", "creat", "close", "close_range", "read", "readv", "pread64", "preadv", "write",
    "writev", "pwrite64", "pwritev", "lseek", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate",
    "fadvise64", "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64", "mkdir", "mkdirat", "rmdir", "unlink",
    "unlinkat", "rename", "renameat", "renameat2", "chmod", "fchmod", "fchmodat", "fchown", "umask", "flock",
    "utimensat", "dup", "dup2", "dup3", "fcntl",
    // The inherited socket and waiting on it; no new one can be made.
    "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "poll", "ppoll", "select", "pselect6", "getsockopt",
    // Who we are and what we may use: read only.
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getrlimit", "getrusage",
    "sysinfo", "uname", "getrandom", "capget",
};

#ifdef TWINSEAL_SANITIZED
// What the runtimes of the address and thread sanitizers need besides: their background thread, shadow memory, and the
// personality and limits that they look at when they report. Leak checking traces the process and is off in the
// sandbox.
constexpr const char* kAllowedForSanitizers[] = {
    "personality", "setrlimit", "prlimit64", "pipe", "pipe2", "fork", "wait4", "kill", "arch_prctl",
};
#endif
// clang-format on

scmp_arg_cmp Equal(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

scmp_arg_cmp AllBitsSet(unsigned argument, std::uint64_t bits) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = bits};
}

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : filter_(seccomp_init(otherwise)) {}

  bool valid() const { return filter_ != nullptr; }

  Status Allow(const char* name) {
    const int number = seccomp_syscall_resolve_name(name);
    // Another architecture, or an older libseccomp than the call: then nothing here makes it.
    if (number == __NR_SCMP_ERROR || number < 0) return Ok();
    return Check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, number, 0), name);
  }

  Status AllowWhere(int number, const char* name, scmp_arg_cmp condition) {
    return Check(seccomp_rule_add_array(filter_.get(), SCMP_ACT_ALLOW, number, 1, &condition),
                 name);
  }

  // The call fails as on a system that does not have it, where callers know what to do.
  Status Fail(int number, const char* name, int error) {
    return Check(seccomp_rule_add_array(filter_.get(), Errno(error), number, 0, nullptr), name);
  }
  Status FailWhere(int number, const char* name, int error, scmp_arg_cmp condition) {
    return Check(seccomp_rule_add_array(filter_.get(), Errno(error), number, 1, &condition), name);
  }

  Status Load() {
    TWINSEAL_RETURN_IF_ERROR(
        Check(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1), "all threads"));
    // A binary tree instead of a chain: the filter runs at each call, so at each signature's reads
    // and writes.
    TWINSEAL_RETURN_IF_ERROR(
        Check(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "a binary tree"));
    return Check(seccomp_load(filter_.get()), "loading");
  }

 private:
  static std::uint32_t Errno(int error) {
    return SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error));
  }
  static Status Check(int result, const char* what) {
    if (result == 0) return Ok();
    return Error(Code::kInternal, fmt::format("the system call filter cannot be set up ({}): {}",
                                              what, std::strerror(-result)));
  }

  std::unique_ptr<void, Release> filter_;
};

}  // namespace

Status RestrictSystemCalls() {
  Filter filter(SCMP_ACT_KILL_PROCESS);
  if (!filter.valid()) return Error(Code::kInternal, "the system call filter cannot be made");
  for (const char* name : kAllowed) TWINSEAL_RETURN_IF_ERROR(filter.Allow(name));
#ifdef TWINSEAL_SANITIZED
  for (const char* name : kAllowedForSanitizers) TWINSEAL_RETURN_IF_ERROR(filter.Allow(name));
#endif

  // A thread, never a process: CLONE_VM | CLONE_THREAD are set. clone3's flags are behind a pointer
  // that a filter cannot follow, so it is answered as unknown and glibc falls back to clone.
  constexpr std::uint64_t kThreadFlags = 0x00000100 | 0x00010000;
  TWINSEAL_RETURN_IF_ERROR(
      filter.AllowWhere(SCMP_SYS(clone), "clone", AllBitsSet(0, kThreadFlags)));
  TWINSEAL_RETURN_IF_ERROR(filter.Fail(SCMP_SYS(clone3), "clone3", ENOSYS));

  // Harmless parts of calls that can do more. An anonymous mapping gets a name in /proc (glibc
  // 2.38, OpenSSL 3.5).
  constexpr std::uint64_t kPrSetVma = 0x53564d41;
  for (const std::uint64_t option :
       {std::uint64_t{PR_SET_NAME}, std::uint64_t{PR_GET_NAME}, kPrSetVma}) {
    TWINSEAL_RETURN_IF_ERROR(filter.AllowWhere(SCMP_SYS(prctl), "prctl", Equal(0, option)));
  }
#ifndef TWINSEAL_SANITIZED
  // Limits are read, not set.
  TWINSEAL_RETURN_IF_ERROR(filter.AllowWhere(SCMP_SYS(prlimit64), "prlimit64", Equal(2, 0)));
#endif

  // isatty(3), asked of files by stdio.
  TWINSEAL_RETURN_IF_ERROR(filter.Fail(SCMP_SYS(ioctl), "ioctl", ENOTTY));
  // SoftHSM reports a wrong PIN through syslog(3), which does without when it gets no socket.
  TWINSEAL_RETURN_IF_ERROR(filter.FailWhere(SCMP_SYS(socket), "socket", EACCES, Equal(0, AF_UNIX)));
  return filter.Load();
}

}  // namespace twinseal::core
