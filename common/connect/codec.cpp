#include "common/connect/codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "common/connect/json_check.h"
#include "common/connect/utf8.h"
#include "common/connect/wire_check.h"

namespace twinseal::connect {
namespace {

struct StatusOfCode {
  Code code;
  int status;
};

// connectrpc.com/docs/protocol, "Error Codes".
constexpr std::array kStatuses = {
    StatusOfCode{Code::kCanceled, 499},           StatusOfCode{Code::kUnknown, 500},
    StatusOfCode{Code::kInvalidArgument, 400},    StatusOfCode{Code::kDeadlineExceeded, 504},
    StatusOfCode{Code::kNotFound, 404},           StatusOfCode{Code::kAlreadyExists, 409},
    StatusOfCode{Code::kPermissionDenied, 403},   StatusOfCode{Code::kResourceExhausted, 429},
    StatusOfCode{Code::kFailedPrecondition, 400}, StatusOfCode{Code::kAborted, 409},
    StatusOfCode{Code::kOutOfRange, 400},         StatusOfCode{Code::kUnimplemented, 501},
    StatusOfCode{Code::kInternal, 500},           StatusOfCode{Code::kUnavailable, 503},
    StatusOfCode{Code::kDataLoss, 500},           StatusOfCode{Code::kUnauthenticated, 401},
};

// protobuf's words for a JSON body that does not fit the message quote what they complain about,
// however long it is; the place is in front: `policy.isolation: invalid value "NEVER" for type
// ...`.
std::string OneLine(std::string_view words) {
  constexpr std::size_t kMaxWords = 160;
  std::string line(words.substr(0, kMaxWords));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (words.size() > kMaxWords) line += "...";
  return line;
}

Status DecodeJson(std::string_view body, google::protobuf::Message& message) {
  if (body.empty())
    return Error(Code::kInvalidArgument, "the body is empty; an empty JSON message is {}");
  TWINSEAL_RETURN_IF_ERROR(CheckJson(body, kMaxDepth));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &message, options);
  if (parsed.ok()) return Ok();
  const std::string_view words(parsed.message().data(), parsed.message().size());
  return Error(Code::kInvalidArgument, OneLine(words));
}

Status DecodeProto(BytesView body, google::protobuf::Message& message) {
  TWINSEAL_RETURN_IF_ERROR(CheckWire(body, *message.GetDescriptor(), kMaxDepth));
  if (message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("the body is not a {}", message.GetDescriptor()->full_name()));
}

// Repeats no field twice the same way: the order of fields and of map entries is fixed.
bool SerializeDeterministically(const google::protobuf::Message& message, std::string& body) {
  google::protobuf::io::StringOutputStream stream(&body);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  return message.SerializeToCodedStream(&coded);
}

// As RFC 8259 §7 wants; what is not UTF-8 becomes question marks, so that an answer is JSON
// whatever a message holds.
void AppendJsonString(std::string& json, std::string_view text) {
  json.push_back('"');
  while (!text.empty()) {
    const std::size_t size = Utf8CharacterSize(text);
    const char c = text.front();
    if (size == 0) {
      json.push_back('?');
    } else if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (size == 1 && c < ' ') {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json.append(text.substr(0, size));
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  json.push_back('"');
}

const std::string* FindText(const google::protobuf::Struct& object, const char* key) {
  const auto found = object.fields().find(key);
  if (found == object.fields().end() ||
      found->second.kind_case() != google::protobuf::Value::kStringValue) {
    return nullptr;
  }
  return &found->second.string_value();
}

}  // namespace

std::optional<Encoding> EncodingOf(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  const auto is = [type](std::string_view wanted) {
    return std::ranges::equal(type, wanted, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  if (is("application/proto")) return Encoding::kProto;
  if (is("application/json")) return Encoding::kJson;
  return std::nullopt;
}

std::string_view ContentType(Encoding encoding) {
  return encoding == Encoding::kProto ? "application/proto" : "application/json";
}

Status Decode(Encoding encoding, BytesView body, google::protobuf::Message& message) {
  message.Clear();
  return encoding == Encoding::kProto ? DecodeProto(body, message)
                                      : DecodeJson(AsText(body), message);
}

Result<std::string> Encode(Encoding encoding, const google::protobuf::Message& message) {
  std::string body;
  const bool encoded = encoding == Encoding::kProto
                           ? SerializeDeterministically(message, body)
                           : google::protobuf::util::MessageToJsonString(message, &body).ok();
  if (encoded) return body;
  return Error(Code::kInternal,
               fmt::format("the {} cannot be encoded", message.GetDescriptor()->full_name()));
}

std::string EncodeError(const Error& error) {
  std::string body = "{\"code\":";
  AppendJsonString(body, CodeName(error.code()));
  body += ",\"message\":";
  AppendJsonString(body, error.message());
  body += "}";
  return body;
}

Error DecodeError(int http_status, std::string_view body) {
  google::protobuf::Struct fields;
  if (CheckJson(body, kMaxDepth).ok() &&
      google::protobuf::util::JsonStringToMessage(
          google::protobuf::StringPiece(body.data(), body.size()), &fields)
          .ok()) {
    const std::string* const code = FindText(fields, "code");
    const std::string* const message = FindText(fields, "message");
    const std::optional<Code> known = code == nullptr ? std::nullopt : CodeFromName(*code);
    if (known) return Error(*known, message == nullptr ? std::string() : *message);
  }
  return Error(CodeFromHttpStatus(http_status),
               fmt::format("the server answered HTTP status {}", http_status));
}

int HttpStatus(Code code) {
  for (const StatusOfCode& entry : kStatuses) {
    if (entry.code == code) return entry.status;
  }
  constexpr int kInternalServerError = 500;
  return kInternalServerError;
}

// connectrpc.com/docs/protocol, "HTTP to Error Code".
Code CodeFromHttpStatus(int http_status) {
  switch (http_status) {
    case 400:
      return Code::kInternal;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

Result<std::chrono::milliseconds> ParseTimeout(std::string_view header) {
  constexpr std::size_t kMaxDigits = 10;
  std::int64_t value = 0;
  const char* const end = header.data() + header.size();
  const auto [stopped, problem] = std::from_chars(header.data(), end, value);
  if (header.empty() || header.size() > kMaxDigits || header.front() == '-' ||
      problem != std::errc() || stopped != end) {
    return Error(Code::kInvalidArgument, "Connect-Timeout-Ms: it takes 1 to 10 decimal digits");
  }
  return std::chrono::milliseconds(value);
}

}  // namespace twinseal::connect
