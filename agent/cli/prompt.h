// What is typed at a terminal: secrets without echo, other answers with it.
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

// A line that may be seen, without spaces at its ends. failed_precondition when there is no
// terminal: `otherwise` says how to do without.
Result<std::string> AskLine(const std::string& terminal, const std::string& question,
                            const std::string& otherwise);

// Twice, until both agree; at most three rounds.
Result<Secret> AskNewSecret(const std::string& terminal, const std::string& question);

}  // namespace twinseal::cli
