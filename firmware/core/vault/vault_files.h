// The vault's folder: who may use it, and how it is emptied.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::core {

// The vault's database in its folder.
std::filesystem::path VaultFile(const std::filesystem::path& folder);

// Makes the folder when it is not there, and takes the vault for this process until the descriptor
// is closed. permission_denied when the folder is open to others, failed_precondition when another
// process has the vault.
Result<UniqueFd> LockVault(const std::filesystem::path& folder);

// Overwrites and removes the vault's database, damaged or not; synced. The next one to open the
// vault finds an empty one. The caller holds the lock. Idempotent.
Status EraseVaultFiles(const std::filesystem::path& folder);

}  // namespace twinseal::core
