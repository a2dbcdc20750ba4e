// Folders that are the appliance's alone.
#pragma once

#include <filesystem>

#include "common/base/result.h"

namespace twinseal::core {

// Makes `folder` (not its parents) when it is not there, for its owner alone. permission_denied,
// naming it, when it is a symbolic link, belongs to another user or is open to others;
// failed_precondition when it is no folder or its parent is missing.
Status UseFolder(const std::filesystem::path& folder);

}  // namespace twinseal::core
