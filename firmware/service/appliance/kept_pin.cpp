#include "firmware/service/appliance/kept_pin.h"

#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "firmware/service/core_link/pin_source.h"

namespace twinseal::service {

Result<KeptPin> KeptPin::Take(const Options& options) {
  if (options.pin_fd < 0 && !CredentialsDirectory().empty()) return KeptPin(UniqueFd());
  TWINSEAL_ASSIGN_OR_RETURN(
      UniqueFd kept,
      AcquirePin({.fd = options.pin_fd,
                  .credentials_directory = {},
                  .prompt = fmt::format("PIN of the HSM token {}: ", options.hsm_token)}));
  return KeptPin(std::move(kept));
}

Options KeptPin::For(Options options) const {
  options.pin_fd = kept_.valid() ? fcntl(kept_.get(), F_DUPFD_CLOEXEC, 0) : -1;
  return options;
}

}  // namespace twinseal::service
