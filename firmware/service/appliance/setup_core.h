// A signing core that is started for one step of a set-up, and ends with it.
#pragma once

#include <chrono>

#include "common/base/result.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::service {

// Initializing a token and making four keys on it; a network HSM may ask a person to confirm.
inline constexpr std::chrono::minutes kTokenTime{5};

// Starts the core, asks it and waits for its end. Blocks.
Result<v1::CoreResponse> AskSetUpCore(CoreLauncher& launcher, v1::CoreRequest request);

// A supervisor starts a core that dies again, which a set-up must not: its first end is lasting.
SupervisorOptions OneTry();

}  // namespace twinseal::service
