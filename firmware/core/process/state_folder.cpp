#include "firmware/core/process/state_folder.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace twinseal::core {

Status UseFolder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(Code::kFailedPrecondition, fmt::format("the folder {} cannot be made: {}",
                                                        folder.string(), std::strerror(errno)));
  }
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0) {
    return Error(Code::kFailedPrecondition, fmt::format("the folder {} cannot be looked at: {}",
                                                        folder.string(), std::strerror(errno)));
  }
  if (S_ISLNK(status.st_mode)) {
    return Error(Code::kPermissionDenied,
                 fmt::format("{} is a symbolic link; name the folder itself", folder.string()));
  }
  if (!S_ISDIR(status.st_mode)) {
    return Error(Code::kFailedPrecondition, fmt::format("{} is not a folder", folder.string()));
  }
  if (status.st_uid != geteuid()) {
    return Error(
        Code::kPermissionDenied,
        fmt::format(
            "the folder {} belongs to user {}, not to the one that runs the appliance ({}); change "
            "its owner",
            folder.string(), status.st_uid, geteuid()));
  }
  if ((status.st_mode & 077U) != 0) {
    return Error(Code::kPermissionDenied,
                 fmt::format("the folder {} is open to other users; run: chmod 700 {}",
                             folder.string(), folder.string()));
  }
  return Ok();
}

}  // namespace twinseal::core
