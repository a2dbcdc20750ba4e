// The Connect protocol's unary calls (https://connectrpc.com/docs/protocol), as far as they are
// text and bytes: bodies, errors, statuses and headers. No sockets. All functions are pure and may
// be called from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::connect {

enum class Encoding { kJson, kProto };

// The encoding that a Content-Type names; parameters such as "; charset=utf-8" are allowed. Nothing
// for other types.
std::optional<Encoding> EncodingOf(std::string_view content_type);
// "application/json" or "application/proto".
std::string_view ContentType(Encoding encoding);

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

// {"code":"not_found","message":"..."}
std::string EncodeError(const Error& error);
// The error in an answer that is not 200. A body that is no Connect error yields the code that
// Connect derives from the HTTP status.
Error DecodeError(int http_status, std::string_view body);

int HttpStatus(Code code);
Code CodeFromHttpStatus(int http_status);

// Connect-Timeout-Ms: one to ten decimal digits. invalid_argument for anything else.
Result<std::chrono::milliseconds> ParseTimeout(std::string_view header);

}  // namespace twinseal::connect
