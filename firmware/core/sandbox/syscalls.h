// The system calls that the process may make.
#pragma once

#include "common/base/result.h"

namespace twinseal::core {

// From now on, on every thread, any system call that is not on the list kills the process
// (SIGSYS). The list is what the module (SoftHSM, NSS softokn), SQLite, OpenSSL, glibc 2.36 to 2.41
// and our own code need to work on files and threads; there is no exec, no new socket, no tracing,
// no reading of other processes, no change of identity or mounts. Needs no-new-privileges. Before
// the module is loaded, so that its code never ran outside.
Status RestrictSystemCalls();

}  // namespace twinseal::core
