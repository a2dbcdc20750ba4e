#include "firmware/core/sandbox/memory.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace twinseal::core {
namespace {

Error Failed(const char* what) {
  return Error(Code::kInternal, fmt::format("{}: {}", what, std::strerror(errno)));
}

bool MayLockWithoutLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) return true;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK)) != 0;
}

}  // namespace

Status ForbidInspection() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return Failed("core files cannot be forbidden");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return Failed("the process cannot be made undumpable");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return Failed("new privileges cannot be forbidden");
  return Ok();
}

std::string LockMemory() {
  // Under a finite limit a successful mlockall would make later allocations fail.
  if (!MayLockWithoutLimit()) {
    return "PINs only: RLIMIT_MEMLOCK is limited (set LimitMEMLOCK=infinity to lock all memory)";
  }
  // On fault: or each thread's whole 8 MiB of stack would be made resident.
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    return fmt::format("PINs only: mlockall failed ({})", std::strerror(errno));
  }
  return "all";
}

}  // namespace twinseal::core
