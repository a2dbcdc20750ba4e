// What went wrong, as a value: a code, a sentence for the user, and where it arose.
//
// Immutable once made; safe to copy between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace twinseal {

// The one table of error codes: those of the Connect protocol, whose names go over the wire. Extend
// only.
enum class Code : std::uint8_t {
  kCanceled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The code's name on the wire ("not_found").
std::string_view CodeName(Code code);

// The code that has this wire name; nothing when no code has it.
std::optional<Code> CodeFromName(std::string_view name);

class [[nodiscard]] Error {
 public:
  // `message` is one sentence in the user's words: what was asked, what is wrong, what to do. It
  // never holds a secret. `origin` is the foreign code it was mapped from ("CKR_PIN_INCORRECT"),
  // empty when it arose here.
  Error(Code code, std::string message, std::string origin = {},
        std::source_location where = std::source_location::current());

  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& origin() const { return origin_; }
  const std::source_location& where() const { return where_; }

  // The same error with `context` put in front: "opening the vault: disk full".
  Error Within(std::string_view context) const;

  // For logs: code, message, origin, file and line.
  std::string Describe() const;

 private:
  Code code_;
  std::string message_;
  std::string origin_;
  std::source_location where_;
};

}  // namespace twinseal
