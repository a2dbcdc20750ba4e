#include "common/connect/client_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "common/connect/curl_errors.h"
#include "common/connect/errors.h"
#include "common/connect/headers.h"

namespace twinseal::connect {
namespace {

constexpr int kOkStatus = 200;
using Milliseconds = std::chrono::milliseconds;

// The server answers at the deadline that it is told, which is earlier than the caller's so that
// its answer is heard: by an eighth of short times, by this much of long ones.
constexpr Milliseconds kMostForAnswer{250};

Milliseconds ForServer(Milliseconds time) {
  return std::max(time - std::min(time / 8, kMostForAnswer), Milliseconds(1));
}

Result<std::string> ReadAnswer(const std::string& endpoint, https::Answer answer) {
  if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
  if (EncodingOf(answer.content_type) == Encoding::kProto) return std::move(answer.body);
  return Unreadable(endpoint, "it does not speak the Connect protocol");
}

}  // namespace

https::Request RequestOf(const std::string& endpoint, std::string_view path,
                         const std::string& body, std::chrono::milliseconds time,
                         std::chrono::milliseconds connect) {
  return {endpoint + std::string(path),
          {"Content-Type: application/proto", "Connect-Protocol-Version: 1",
           fmt::format("Connect-Timeout-Ms: {}", ForServer(time).count()),
           // Asking first whether a body is welcome costs a round trip for each larger one.
           "Expect:"},
          &body,
          {time, connect}};
}

Error Unreadable(const std::string& endpoint, std::string_view why) {
  return Error(Code::kInternal, fmt::format("{} gave an answer that cannot be read; are it and "
                                            "this program of the same release? ({})",
                                            endpoint, why));
}

Tried ReadOutcome(const std::string& endpoint, https::Outcome outcome) {
  if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
    Error error = ErrorOfTransfer(endpoint, *failure);
    // A refused client certificate shows after the request has gone out, but nobody has read that.
    const bool sent = failure->connected && error.code() != Code::kUnauthenticated;
    return {std::move(error), sent, false, IsLasting(*failure)};
  }
  return {ReadAnswer(endpoint, std::get<https::Answer>(std::move(outcome))), true, true, false};
}

Result<std::string> ReadPlainOutcome(const std::string& endpoint, https::Outcome outcome) {
  if (const auto* const failure = std::get_if<https::Failure>(&outcome))
    return ErrorOfTransfer(endpoint, *failure);
  auto& answer = std::get<https::Answer>(outcome);
  if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
  return std::move(answer.body);
}

}  // namespace twinseal::connect
