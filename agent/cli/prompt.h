// Secrets typed at a terminal, without echo.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::cli {

// Asks on the terminal that the process is attached to, `terminal` being its path ("/dev/tty"). The
// echo is off while the user types and on again afterwards, also when a signal ends the program.
// failed_precondition when there is no terminal; invalid_argument for nothing and for more than 255
// bytes (PKCS#11 tokens take fewer).
Result<Secret> AskSecret(const std::string& terminal, const std::string& question);

// Twice, until both agree; at most three rounds.
Result<Secret> AskNewSecret(const std::string& terminal, const std::string& question);

}  // namespace twinseal::cli
