// One call at one endpoint: what goes out and what an outcome means.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/https/transfer.h"

namespace twinseal::connect {

// The largest answer: a page of 1,000 keys with long policies has a few megabytes.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;

// `body` is the encoded message, which stays the caller's. The exchange may take `time`; the server
// is told to answer a little earlier, so that what it says at its deadline is heard.
https::Request RequestOf(const std::string& endpoint, std::string_view path,
                         const std::string& body, std::chrono::milliseconds time,
                         std::chrono::milliseconds connect);

struct Tried {
  Result<std::string> answer;  // The encoded message.
  bool sent = false;           // The server may have acted on it.
  bool answered = false;       // What it says is the server's.
  bool lasting = false;        // It was not reached, and trying again soon is of no use.
};

Tried ReadOutcome(const std::string& endpoint, https::Outcome outcome);

// internal: `endpoint` answered with what is no message of this release.
Error Unreadable(const std::string& endpoint, std::string_view why);

// The body of a plain GET that was answered 200.
Result<std::string> ReadPlainOutcome(const std::string& endpoint, https::Outcome outcome);

}  // namespace twinseal::connect
