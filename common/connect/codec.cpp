#include "common/connect/codec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdint>

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <google/protobuf/util/json_util.h>

namespace twinseal::connect {
namespace {

constexpr std::size_t kMaxToldBytes = 160;  // Of a parser's words, which may quote the body.

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

// The same page, "HTTP to Error Code", for answers that are not Connect's.
Code CodeOfHttpStatus(int status) {
  switch (status) {
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

std::string OneLine(std::string_view words) {
  std::string line(words.substr(0, kMaxToldBytes));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = ' ';
  }
  return line;
}

// The path of the first message that has a field of another contract; empty when there is none.
std::string FindUnknownField(const google::protobuf::Message& message, const std::string& path) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  if (!unknown.empty()) return fmt::format("{}#{}", path, unknown.field(0).number());
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string inner = fmt::format("{}{}.", path, field->name());
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const google::protobuf::Message& part = field->is_repeated()
                                                  ? reflection.GetRepeatedMessage(message, field, i)
                                                  : reflection.GetMessage(message, field);
      std::string found = FindUnknownField(part, inner);
      if (!found.empty()) return found;
    }
  }
  return {};
}

Status DecodeJson(std::string_view body, google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &message, options);
  if (parsed.ok()) return Ok();
  const std::string_view words(parsed.message().data(), parsed.message().size());
  return Error(Code::kInvalidArgument,
               fmt::format("the JSON body cannot be read: {}", OneLine(words)));
}

Status DecodeProto(std::string_view body, google::protobuf::Message& message) {
  if (body.size() > INT_MAX ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Error(Code::kInvalidArgument,
                 fmt::format("the binary body is no {}", message.GetDescriptor()->full_name()));
  }
  const std::string unknown = FindUnknownField(message, "");
  if (unknown.empty()) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("{} has no field {}", message.GetDescriptor()->full_name(), unknown));
}

}  // namespace

std::optional<Encoding> EncodingOf(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  const auto equals = [type](std::string_view wanted) {
    return std::ranges::equal(type, wanted, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  if (equals("application/proto")) return Encoding::kProto;
  if (equals("application/json")) return Encoding::kJson;
  return std::nullopt;
}

std::string_view ContentType(Encoding encoding) {
  return encoding == Encoding::kProto ? "application/proto" : "application/json";
}

Status Decode(Encoding encoding, std::string_view body, google::protobuf::Message& message) {
  message.Clear();
  return encoding == Encoding::kProto ? DecodeProto(body, message) : DecodeJson(body, message);
}

Result<std::string> Encode(Encoding encoding, const google::protobuf::Message& message) {
  std::string body;
  const bool encoded = encoding == Encoding::kProto
                           ? message.SerializeToString(&body)
                           : google::protobuf::util::MessageToJsonString(message, &body).ok();
  if (encoded) return body;
  return Error(Code::kInternal,
               fmt::format("the {} cannot be encoded", message.GetDescriptor()->full_name()));
}

std::string EncodeError(const Error& error) {
  google::protobuf::Struct fields;
  (*fields.mutable_fields())["code"].set_string_value(std::string(CodeName(error.code())));
  (*fields.mutable_fields())["message"].set_string_value(error.message());
  std::string body;
  if (google::protobuf::util::MessageToJsonString(fields, &body).ok()) return body;
  // The message is not UTF-8, so it is left out.
  return fmt::format("{{\"code\":\"{}\"}}", CodeName(error.code()));
}

Error DecodeError(int http_status, std::string_view body) {
  google::protobuf::Struct fields;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &fields);
  if (parsed.ok()) {
    const auto code = fields.fields().find("code");
    const auto message = fields.fields().find("message");
    const auto known =
        code == fields.fields().end() ? std::nullopt : CodeFromName(code->second.string_value());
    if (known) {
      return Error(*known, message == fields.fields().end() ? "" : message->second.string_value());
    }
  }
  return Error(CodeOfHttpStatus(http_status),
               fmt::format("the server answered HTTP status {}", http_status));
}

int HttpStatus(Code code) {
  for (const StatusOfCode& entry : kStatuses) {
    if (entry.code == code) return entry.status;
  }
  return 500;
}

Result<std::chrono::milliseconds> ParseTimeout(std::string_view header) {
  constexpr std::size_t kMaxDigits = 10;
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(header.data(), header.data() + header.size(), value);
  if (header.empty() || header.size() > kMaxDigits || problem != std::errc() ||
      end != header.data() + header.size() || value < 0) {
    return Error(Code::kInvalidArgument, "Connect-Timeout-Ms takes 1 to 10 decimal digits");
  }
  return std::chrono::milliseconds(value);
}

}  // namespace twinseal::connect
