// Messages as the bodies of the Connect protocol's unary calls
// (https://connectrpc.com/docs/protocol). All functions are pure and may be called from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/connect/headers.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::connect {

// Reads a body into `message`, which is cleared first. Strict, since a field that is ignored may be
// one that matters (a policy's): unknown fields at any depth are refused, as are text that is not
// UTF-8, JSON keys that come twice, and nesting deeper than kMaxDepth. invalid_argument names the
// field, or for malformed input the byte at which it goes wrong; the input itself is never repeated
// beyond kMaxQuoted bytes.
Status Decode(Encoding encoding, BytesView body, google::protobuf::Message& message);

inline constexpr int kMaxDepth = 32;
inline constexpr std::size_t kMaxQuoted = 48;

// internal when a text field is not UTF-8. Fields with their default value are left out, as proto3
// has it. The binary form is deterministic.
Result<std::string> Encode(Encoding encoding, const google::protobuf::Message& message);

}  // namespace twinseal::connect
