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
    case v1::PairState::ANSWERED: {
      TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<Running> joining, Joining::Start(options));
      return joining;
    }
    case v1::PairState::FENCED:
      return Error(Code::kFailedPrecondition,
                   "another appliance has taken this one's place in the pair; it never serves "
                   "again. To use the machine anew, wipe it and set it up from the beginning");
    default: {
      TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<Running> serving, Appliance::Start(options));
      return serving;
    }
  }
}

}  // namespace twinseal::service
