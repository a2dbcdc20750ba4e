// A service's folder: its own alone, and used by one process at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal {

// Makes the folder (not its parents) if it is not there. permission_denied, by its name, when it
// belongs to another user or is open to others; failed_precondition when it is no folder.
Status UseOwnFolder(const std::filesystem::path& folder);

// Held until it is closed. One that was killed lets go a little later than it is gone from sight,
// so the lock is waited for; failed_precondition when another process holds it for longer.
Result<UniqueFd> LockFolder(const std::filesystem::path& folder, std::chrono::milliseconds wait);

// Replaces the file in one step: readers see the old text or the new one.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view text);

}  // namespace twinseal
