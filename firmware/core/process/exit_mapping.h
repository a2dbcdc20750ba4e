// From what went wrong at start to the process's exit status.
#pragma once

#include "common/base/error.h"
#include "firmware/core_protocol/exit_status.h"

namespace twinseal::core {

// Knows the origins that tell PIN, token and set-up apart; `otherwise` is the stage's own status.
core_protocol::CoreExit ExitFor(const Error& error, core_protocol::CoreExit otherwise);

}  // namespace twinseal::core
