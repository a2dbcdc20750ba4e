// What the headers of the Connect protocol's unary calls say
// (https://connectrpc.com/docs/protocol). All functions are pure and may be called from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "common/base/result.h"

namespace twinseal::connect {

enum class Encoding { kJson, kProto };

// The encoding that a Content-Type names; parameters such as "; charset=utf-8" are allowed. Nothing
// for other types.
std::optional<Encoding> EncodingOf(std::string_view content_type);
// "application/json" or "application/proto".
std::string_view ContentType(Encoding encoding);

// Connect-Timeout-Ms: one to ten decimal digits. invalid_argument for anything else.
Result<std::chrono::milliseconds> ParseTimeout(std::string_view header);

}  // namespace twinseal::connect
