// How twinseal-core is started for this configuration.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "firmware/service/core_link/core_supervisor.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

// A core that serves. `pin_fd` stays the caller's and must stay open while the launcher lives.
std::unique_ptr<CoreLauncher> ServingCore(const Options& options, int pin_fd);
// A core that sets the token up.
std::unique_ptr<CoreLauncher> InitializingCore(const Options& options, int pin_fd, int so_pin_fd);

// Back-off and what is lasting, as the core's exit statuses say.
SupervisorOptions SupervisionOf();

}  // namespace twinseal::service
