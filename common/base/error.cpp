#include "common/base/error.h"

#include <array>
#include <utility>

#include <fmt/format.h>

namespace twinseal {
namespace {

struct NamedCode {
  Code code;
  std::string_view name;
};

constexpr std::array kCodes = {
    NamedCode{Code::kCanceled, "canceled"},
    NamedCode{Code::kUnknown, "unknown"},
    NamedCode{Code::kInvalidArgument, "invalid_argument"},
    NamedCode{Code::kDeadlineExceeded, "deadline_exceeded"},
    NamedCode{Code::kNotFound, "not_found"},
    NamedCode{Code::kAlreadyExists, "already_exists"},
    NamedCode{Code::kPermissionDenied, "permission_denied"},
    NamedCode{Code::kResourceExhausted, "resource_exhausted"},
    NamedCode{Code::kFailedPrecondition, "failed_precondition"},
    NamedCode{Code::kAborted, "aborted"},
    NamedCode{Code::kOutOfRange, "out_of_range"},
    NamedCode{Code::kUnimplemented, "unimplemented"},
    NamedCode{Code::kInternal, "internal"},
    NamedCode{Code::kUnavailable, "unavailable"},
    NamedCode{Code::kDataLoss, "data_loss"},
    NamedCode{Code::kUnauthenticated, "unauthenticated"},
};

}  // namespace

std::string_view CodeName(Code code) {
  for (const NamedCode& entry : kCodes) {
    if (entry.code == code) return entry.name;
  }
  return "unknown";
}

std::optional<Code> CodeFromName(std::string_view name) {
  for (const NamedCode& entry : kCodes) {
    if (entry.name == name) return entry.code;
  }
  return std::nullopt;
}

Error::Error(Code code, std::string message, std::string origin, std::source_location where)
    : code_(code), message_(std::move(message)), origin_(std::move(origin)), where_(where) {}

Error Error::Within(std::string_view context) const {
  return Error(code_, fmt::format("{}: {}", context, message_), origin_, where_);
}

std::string Error::Describe() const {
  const std::string origin = origin_.empty() ? "" : fmt::format(" [{}]", origin_);
  return fmt::format("{}: {}{} ({}:{})", CodeName(code_), message_, origin, where_.file_name(),
                     where_.line());
}

}  // namespace twinseal
