// Whether bytes are JSON as RFC 8259 has it. protobuf's own parser is more lenient (single quotes,
// unquoted keys, keys that come twice), and does not say where it stopped.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace twinseal::connect {

// invalid_argument, with the byte's number from 0, for what is not one JSON text in UTF-8, for a
// key that comes twice in one object, and for nesting deeper than `max_depth`.
Status CheckJson(std::string_view text, int max_depth);

// At most kMaxQuoted bytes of text that came from outside, fit to stand in a message: printable
// ASCII alone.
std::string Quoted(std::string_view text);

}  // namespace twinseal::connect
