// The appliance's folder: ours alone, and used by one twinseald at a time.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::service {

// Makes the folder (not its parents) if it is not there. permission_denied, by its name, when it
// belongs to another user or is open to others; failed_precondition when it is no folder.
Status UseOwnFolder(const std::filesystem::path& folder);

// Held until it is closed. failed_precondition when another process holds it.
Result<UniqueFd> LockFolder(const std::filesystem::path& folder);

// Replaces the file in one step: readers see the old text or the new one.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view text);

}  // namespace twinseal::service
