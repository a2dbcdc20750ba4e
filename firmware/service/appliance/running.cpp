#include "firmware/service/appliance/running.h"

#include <csignal>
#include <utility>

#include <unistd.h>

#include "firmware/service/appliance/appliance.h"
#include "firmware/service/appliance/joining.h"
#include "firmware/service/pair/pair_file.h"

namespace twinseal::service {

static_assert(kRestartSignal == SIGUSR1);

void AskForRestart() { kill(getpid(), kRestartSignal); }

Result<std::unique_ptr<Running>> StartRunning(const Options& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<PairFile> file, PairFile::Open(options.data_dir));
  switch (file->state().phase()) {
    case v1::PairState::JOINING:
    case v1::PairState::ANSWERED:
    case v1::PairState::ABANDONED: {
      TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<Running> joining, Joining::Start(options));
      return joining;
    }
    default: {
      TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<Running> serving, Appliance::Start(options));
      return serving;
    }
  }
}

}  // namespace twinseal::service
