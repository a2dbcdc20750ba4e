#include "agent/cli/remote.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

namespace twinseal::cli {
namespace {

// All endpoints are tried so many times over.
constexpr int kRounds = 2;

std::string_view Advice(Code code) {
  switch (code) {
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return "see `twinseal status`, and check that TWINSEAL_ENDPOINTS names the appliances";
    case Code::kUnauthenticated:
      return "check that TWINSEAL_CERTIFICATE, TWINSEAL_KEY and TWINSEAL_CA belong to this "
             "appliance";
    case Code::kPermissionDenied:
      return "ask an operator";
    case Code::kNotFound:
      return "`twinseal key list` shows the keys that you may see";
    case Code::kResourceExhausted:
      return "try again in a moment";
    case Code::kInternal:
    case Code::kUnknown:
    case Code::kDataLoss:
      return "the appliance's log says more";
    default:
      return "";
  }
}

// Messages that hold a semicolon say already what to do.
Error WithAdvice(const Error& error) {
  const std::string_view advice = Advice(error.code());
  if (advice.empty() || error.message().find(';') != std::string::npos) return error;
  std::string message = error.message();
  while (message.ends_with('.')) message.pop_back();
  return Error(error.code(), fmt::format("{}; {}", message, advice), error.origin(), error.where());
}

bool MayAnswerElsewhere(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded;
}

}  // namespace

Result<std::size_t> CallAny(Remote& remote, std::string_view procedure,
                            const google::protobuf::Message& request,
                            google::protobuf::Message& response) {
  Error last(Code::kUnavailable, "no endpoint is configured");
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t endpoint = 0; endpoint < remote.endpoints().size(); ++endpoint) {
      const Status status = remote.CallAt(endpoint, procedure, request, response);
      if (status.ok()) return endpoint;
      if (!MayAnswerElsewhere(status.error().code())) return WithAdvice(status.error());
      last = status.error();
    }
    // A call that took all its time is not asked for a third time.
    if (last.code() == Code::kDeadlineExceeded) break;
  }
  return WithAdvice(last);
}

Status CallOne(Remote& remote, std::size_t endpoint, std::string_view procedure,
               const google::protobuf::Message& request, google::protobuf::Message& response) {
  const Status status = remote.CallAt(endpoint, procedure, request, response);
  return status.ok() ? Ok() : WithAdvice(status.error());
}

}  // namespace twinseal::cli
