#include "common/connect/errors.h"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/json/src.hpp>
#include <fmt/format.h>

#include "common/connect/utf8.h"

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

// Empty when there is none.
std::string_view TextOf(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  const boost::json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

}  // namespace

std::string EncodeError(const Error& error) {
  std::string body = "{\"code\":";
  AppendJsonString(body, CodeName(error.code()));
  body += ",\"message\":";
  AppendJsonString(body, error.message());
  body += "}";
  return body;
}

Error DecodeError(int http_status, std::string_view body) {
  boost::system::error_code problem;
  const boost::json::value json = boost::json::parse(body, problem);
  if (const boost::json::object* const fields = problem ? nullptr : json.if_object()) {
    const std::optional<Code> known = CodeFromName(TextOf(*fields, "code"));
    if (known) return Error(*known, std::string(TextOf(*fields, "message")));
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

}  // namespace twinseal::connect
