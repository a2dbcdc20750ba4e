// libcurl's failures as ours, in the user's words.
#pragma once

#include <string_view>

#include "common/base/error.h"
#include "common/https/transfer.h"

namespace twinseal::connect {

// unavailable when the server cannot be reached, unauthenticated when one side does not accept the
// other's certificate, deadline_exceeded when the answer did not come in time, internal for what is
// no fault of network or server.
Error ErrorOfTransfer(std::string_view endpoint, const https::Failure& failure);

// Whether trying again soon is of no use: one side does not accept the other's certificate. But an
// appliance whose core is starting has one that it issued itself, until it has a better one.
bool IsLasting(const https::Failure& failure);

}  // namespace twinseal::connect
