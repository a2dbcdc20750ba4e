// Where the HSM's PIN comes from, as a descriptor that the signing core reads. This program never
// reads it: what is not a file already is moved by the kernel (splice(2)) into a memory file, so
// that a core that is started again finds the PIN again.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::service {

// The name of systemd's credential (LoadCredential=hsm-pin:...), see systemd.exec(5).
inline constexpr std::string_view kPinCredential = "hsm-pin";

// Longer input is refused: PKCS#11 tokens take a few hundred bytes at most.
inline constexpr std::size_t kMaxPinBytes = 1024;

// $CREDENTIALS_DIRECTORY, or nothing.
std::string CredentialsDirectory();

struct PinSource {
  int fd = -1;                        // --pin-fd; taken over and closed.
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY; may be empty.
  std::string prompt;  // Asked on /dev/tty with echo off when neither is there; empty: never.
};

// The first of the three that there is. A regular file is handed on as it is; a pipe, a socket's
// pipe or a terminal is spliced until its end (a terminal: one line). failed_precondition when
// there is none, which names the three.
Result<UniqueFd> AcquirePin(const PinSource& source);

}  // namespace twinseal::service
