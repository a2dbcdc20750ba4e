// libcurl's failures as ours, in the user's words.
#pragma once

#include <string>
#include <string_view>

#include "common/base/error.h"

namespace twinseal::connect {

// What a transfer that failed left behind.
struct TransferFailure {
  int code;                // CURLcode
  long system_error;       // errno of the connection, or 0.
  long verify_result;      // X509_V_ERR_... of the server's certificate, or 0.
  bool connected;          // TLS was up, so that the server may have received the request.
  std::string_view words;  // libcurl's, for the error's origin.
};

// unavailable when the server cannot be reached, unauthenticated when one side does not accept the
// other's certificate, deadline_exceeded when the answer did not come in time, internal for what is
// no fault of network or server.
Error ErrorOfTransfer(std::string_view endpoint, const TransferFailure& failure);

}  // namespace twinseal::connect
