// The Connect protocol's unary calls (connectrpc.com/docs/protocol): bodies and errors as bytes,
// without HTTP. Pure functions, safe from any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::connect {

enum class Encoding { kJson, kProto };

// Of a Content-Type header, parameters such as a charset left aside; nothing for other types.
std::optional<Encoding> EncodingOf(std::string_view content_type);
std::string_view ContentType(Encoding encoding);

// Reads a body into `message`. invalid_argument, naming the field where there is one, for malformed
// bodies, for fields that the contract does not have (also in binary form: a restriction that is
// not understood must not be passed over), and for text that is not UTF-8. The error repeats at
// most a few bytes of the body.
Status Decode(Encoding encoding, std::string_view body, google::protobuf::Message& message);

// JSON in protobuf's mapping: lowerCamelCase names, 64-bit integers as strings, default values left
// out.
Result<std::string> Encode(Encoding encoding, const google::protobuf::Message& message);

// {"code":"not_found","message":"..."}; errors are JSON whatever the encoding of the call.
std::string EncodeError(const Error& error);
// What a server answered other than 200. A body that is no Connect error becomes one by its status.
Error DecodeError(int http_status, std::string_view body);

int HttpStatus(Code code);

// Of the Connect-Timeout-Ms header: 1 to 10 decimal digits. invalid_argument otherwise.
Result<std::chrono::milliseconds> ParseTimeout(std::string_view header);

}  // namespace twinseal::connect
