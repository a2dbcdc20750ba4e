// Locks itself down as twinseal-core does, or not ("open"), and then does what its second argument
// says. Runs in a process of its own, because most of what the sandbox does cannot be undone.
//
// Exit status: 0 done, 3 the sandbox failed, 4 the call was refused with an error.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firmware/core/sandbox/environment.h"
#include "firmware/core/sandbox/memory.h"
#include "firmware/core/sandbox/syscalls.h"

#if defined(__SANITIZE_ADDRESS__)
// Leak checking traces the process, which the sandbox forbids.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace {

constexpr int kDone = 0;
constexpr int kSandboxFailed = 3;
constexpr int kRefused = 4;

// Becomes an ordinary user when it is root: root may read everybody's memory.
bool DropRoot() {
  if (getuid() != 0) return true;
  constexpr uid_t kNobody = 65534;
  return setgid(kNobody) == 0 && setuid(kNobody) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

int WorkWithFilesAndThreads() {
  char folder[] = "/tmp/twinseal-sandbox-XXXXXX";
  if (mkdtemp(folder) == nullptr) return kRefused;
  const std::filesystem::path path = std::filesystem::path(folder) / "file";
  std::thread writer([&] { std::ofstream(path) << "text"; });
  writer.join();
  std::filesystem::rename(path, path.string() + "2");
  const int fd = open((path.string() + "2").c_str(), O_RDWR | O_CLOEXEC);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  const bool well = fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 && ftruncate(fd, 4096) == 0 &&
                    fdatasync(fd) == 0 && close(fd) == 0;
  std::filesystem::remove_all(folder);
  return well ? kDone : kRefused;
}

int Do(const std::string& what, const char* argument) {
  if (what == "work") return WorkWithFilesAndThreads();
  if (what == "socket") return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? kDone : kRefused;
  if (what == "unix-socket") return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? kDone : kRefused;
  if (what == "execve") {
    char program[] = "/bin/true";
    char* const arguments[] = {program, nullptr};
    execve(program, arguments, nullptr);
    return kRefused;
  }
  if (what == "fork") {
    const pid_t child = vfork();
    if (child == 0) _exit(0);
    return child > 0 ? kDone : kRefused;
  }
  if (what == "ptrace") return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? kDone : kRefused;
  if (what == "read-process") {
    char byte = 0;
    iovec place{.iov_base = &byte, .iov_len = 1};
    return process_vm_readv(getpid(), &place, 1, &place, 1, 0) == 1 ? kDone : kRefused;
  }
  if (what == "mount") return chroot("/") == 0 ? kDone : kRefused;
  if (what == "abort") std::abort();
  if (what == "wait") {
    // Ready; then until the test has seen enough.
    char byte = 'r';
    if (write(STDOUT_FILENO, &byte, 1) != 1) return kRefused;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return kDone;
  }
  if (what == "attach") {
    const auto other = static_cast<pid_t>(std::atoi(argument));
    if (ptrace(PTRACE_ATTACH, other, nullptr, nullptr) != 0) return kRefused;
    waitpid(other, nullptr, 0);
    ptrace(PTRACE_DETACH, other, nullptr, nullptr);
    return kDone;
  }
  if (what == "open-memory") {
    const std::string path = std::string("/proc/") + argument + "/mem";
    return open(path.c_str(), O_RDONLY | O_CLOEXEC) >= 0 ? kDone : kRefused;
  }
  if (what == "descriptors") {
    for (int fd = 0; fd < 256; ++fd) {
      if (fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
    }
    std::fflush(stdout);
    return kDone;
  }
  if (what == "environment") {
    for (char** variable = environ; *variable != nullptr; ++variable) std::puts(*variable);
    std::fflush(stdout);
    return kDone;
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string mode = argv[1];
  const char* const argument = argc > 3 ? argv[3] : "";
  // So that a missing core file is the sandbox's doing.
  rlimit cores{};
  if (getrlimit(RLIMIT_CORE, &cores) == 0) {
    cores.rlim_cur = cores.rlim_max;
    (void)setrlimit(RLIMIT_CORE, &cores);
  }
  if (!DropRoot()) return kSandboxFailed;
  if (mode == "closed") {
    const std::vector<int> kept = {argc > 3 ? std::atoi(argument) : -1};
    const std::vector<std::string> also = {"KEPT_BY_FLAG"};
    if (!twinseal::core::CloseOtherDescriptors(kept).ok() ||
        !twinseal::core::ScrubEnvironment(also).ok() || !twinseal::core::ForbidInspection().ok()) {
      return kSandboxFailed;
    }
    (void)twinseal::core::LockMemory();
    if (!twinseal::core::RestrictSystemCalls().ok()) return kSandboxFailed;
  }
  return Do(argv[2], argument);
}
