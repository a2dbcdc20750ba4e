// The agent's own small files.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::agent {

// not_found when there is none; permission_denied when it is another user's or open to others;
// failed_precondition when it cannot be read or is larger than any of the agent's is.
Result<Secret> ReadOwnFile(const std::filesystem::path& path);

}  // namespace twinseal::agent
