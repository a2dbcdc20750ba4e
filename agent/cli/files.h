// Files that the user names. Every error names the file and what is wrong with it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::cli {

// "No such file or directory", as strerror says it; thread-safe.
std::string SystemMessage(int error_number);

// A directory is refused.
Result<UniqueFd> OpenForReading(const std::string& path);

// Reads what is left of `descriptor`; out_of_range when that is more than `limit` bytes. `name` is for the error.
Result<Bytes> ReadAll(int descriptor, std::size_t limit, const std::string& name);
Result<Bytes> ReadFile(const std::string& path, std::size_t limit);

// A regular file is replaced as a whole, or not at all when something fails; a device or pipe is written to.
Status WriteFile(const std::string& path, BytesView content);

// A new file with mode 0600, synced. already_exists when there is a file of that name, which stays as it is.
Status CreatePrivateFile(const std::string& path, std::string_view content);

// Makes the folder with mode 0700 unless it is there; not its parents.
Status EnsureFolder(const std::string& path);

}  // namespace twinseal::cli
