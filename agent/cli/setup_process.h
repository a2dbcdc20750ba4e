// `twinseald --initialize`, started and spoken to.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "twinseal/v1/setup.pb.h"

namespace twinseal::cli {

struct SetupProgram {
  std::string program;      // twinseald's path.
  std::string config_file;  // Its configuration.
  std::string token_label;  // Empty: as the configuration says.
  UniqueFd pin;             // The user's PIN and the security officer's are read from these.
  UniqueFd so_pin;
};

// Runs it, sends the request, waits for the answer and for its end. An error that it reports comes
// back as it is; `unavailable` when it cannot be started or ends without an answer.
Result<v1::InitializeResponse> RunSetup(SetupProgram setup, const v1::InitializeRequest& request);

}  // namespace twinseal::cli
