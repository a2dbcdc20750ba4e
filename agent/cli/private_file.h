// Files in a service's own folder, which the command line puts there for it.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::cli {

// Replaces the file as a whole, with mode 0600, and returns when it is on the disk. It belongs to
// whom its folder belongs to: root may run the command for a service that runs as another user.
Status WritePrivateFile(const std::string& path, BytesView content);

// No error when there is none.
Status RemoveFile(const std::string& path);

bool FileExists(const std::string& path);

// Makes the folder with mode 0700 unless it is there. failed_precondition when it is open to
// others.
Status EnsurePrivateFolder(const std::string& path);

}  // namespace twinseal::cli
