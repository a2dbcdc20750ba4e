// Errors of the Connect protocol: bodies and HTTP statuses
// (https://connectrpc.com/docs/protocol). All functions are pure and may be called from any thread.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace twinseal::connect {

// {"code":"not_found","message":"..."}
std::string EncodeError(const Error& error);
// The error in an answer that is not 200. A body that is no Connect error yields the code that
// Connect derives from the HTTP status.
Error DecodeError(int http_status, std::string_view body);

int HttpStatus(Code code);
Code CodeFromHttpStatus(int http_status);

}  // namespace twinseal::connect
