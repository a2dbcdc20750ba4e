// The HSM's PIN for as long as the process lives, which may start its appliance several times.
#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

// A descriptor, never read here. systemd's credential is not kept but opened anew each time, since
// it may be another by then.
class KeptPin {
 public:
  // Takes over what the options name, or asks on the terminal. Errors of AcquirePin.
  static Result<KeptPin> Take(const Options& options);

  // The options for one start, which takes its descriptor over.
  Options For(Options options) const;

 private:
  explicit KeptPin(UniqueFd kept) : kept_(std::move(kept)) {}
  UniqueFd kept_;
};

}  // namespace twinseal::service
