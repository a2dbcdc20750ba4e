// Where a PIN comes in: a descriptor or a systemd credential, never a flag or the environment.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::core {

// PKCS#11 leaves the longest PIN to the token; no known one takes more than 255 bytes.
inline constexpr std::size_t kMaxPinBytes = 255;

// The origins of the errors below and of GuardedPin's, by which the process finds its exit status.
inline constexpr const char* kPinMissing = "PIN_MISSING";
inline constexpr const char* kPinRefusedBefore = "PIN_REFUSED_BEFORE";

// Reads the PIN from the beginning of `fd` to its end, without one newline at the end. A file (a
// memfd, a credential) is read without moving its position, so that the next process reads it
// again; a pipe is read empty. The descriptor stays open.
// failed_precondition (kPinMissing) when there is nothing, or it cannot be read;
// invalid_argument for more than kMaxPinBytes.
Result<Secret> ReadPin(int fd);

// From `fd` when there is one, else from the credential "hsm-pin" in `credentials_directory`
// (systemd.exec(5), $CREDENTIALS_DIRECTORY).
Result<Secret> FindPin(std::optional<int> fd,
                       const std::optional<std::string>& credentials_directory);

}  // namespace twinseal::core
