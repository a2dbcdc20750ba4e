// An appliance that runs, in whichever of its lives.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

class Running {
 public:
  virtual ~Running() = default;

  // Reads the PIN's source again and starts a core that had refused to run.
  virtual void Reload() = 0;
  // Accepts nothing more, finishes what was accepted, and ends.
  virtual void Stop() = 0;
};

// Serves, or waits to be paired, as the appliance's folder says. Errors of either.
Result<std::unique_ptr<Running>> StartRunning(const Options& options);

// From any thread: the process stops as for SIGTERM and starts again by what its folder says then.
void AskForRestart();
inline constexpr int kRestartSignal = 10;  // SIGUSR1

}  // namespace twinseal::service
