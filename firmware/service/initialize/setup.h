// Setting an appliance up: token, domain and site keys, operator CA, audit key, first operator.
#pragma once

#include "common/base/result.h"
#include "firmware/service/runtime/options.h"
#include "twinseal/v1/setup.pb.h"

namespace twinseal::service {

// Does what the request asks. failed_precondition when the appliance is set up already. May be
// repeated after an interruption: what was made is found again.
Result<v1::InitializeResponse> SetUp(const Options& options, const v1::InitializeRequest& request);

// Reads the request from options.setup_fd, does it and answers there. The process's exit status: 0
// when it went well.
int RunSetUp(const Options& options);

}  // namespace twinseal::service
