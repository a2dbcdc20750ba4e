// Keeps the process's memory to itself: off the swap, out of core dumps, away from debuggers.
#pragma once

#include <string>

#include "common/base/result.h"

namespace twinseal::core {

// No core file, not dumpable (so neither traceable nor readable through /proc/PID/mem by the same
// user), no new privileges by any exec. Works without root and cannot be undone.
Status ForbidInspection();

// Locks all memory, as it comes into use, when the limit or a privilege allows it without risk;
// otherwise leaves it at the Secrets, which lock their own pages. Says in words which of the two it
// is: "all", or what is not locked and what to do.
std::string LockMemory();

}  // namespace twinseal::core
