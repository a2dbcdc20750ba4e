#include "common/base/own_folder.h"

#include <cerrno>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace twinseal {
namespace {

constexpr std::chrono::milliseconds kLockPoll{20};

}  // namespace

Status UseOwnFolder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the folder {} cannot be made: {}", folder.string(), strerror(errno)));
  }
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0) {
    return Error(Code::kFailedPrecondition, fmt::format("the folder {} cannot be looked at: {}",
                                                        folder.string(), strerror(errno)));
  }
  if (!S_ISDIR(info.st_mode)) {
    return Error(Code::kFailedPrecondition, fmt::format("{} is not a folder", folder.string()));
  }
  if (info.st_uid != geteuid()) {
    return Error(Code::kPermissionDenied,
                 fmt::format("the folder {} belongs to another user (uid {}); run as that user or "
                             "give it to this one",
                             folder.string(), info.st_uid));
  }
  if ((info.st_mode & 077) != 0) {
    return Error(Code::kPermissionDenied,
                 fmt::format("the folder {} is open to others (mode {:o}); close it: chmod 700 {}",
                             folder.string(), info.st_mode & 07777, folder.string()));
  }
  return Ok();
}

Result<UniqueFd> LockFolder(const std::filesystem::path& folder, std::chrono::milliseconds wait) {
  const std::filesystem::path path = folder / "lock";
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("opening {}: {}", path.string(), strerror(errno)));
  }
  const auto until = std::chrono::steady_clock::now() + wait;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= until) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("another process uses {}; stop that one first", folder.string()));
    }
    // flock(2) itself has no time limit.
    std::this_thread::sleep_for(kLockPoll);
  }
  return lock;
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path fresh = path.string() + ".new";
  const auto failed = [&] {
    return Error(Code::kFailedPrecondition,
                 fmt::format("writing {}: {}", path.string(), strerror(errno)));
  };
  UniqueFd file(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return failed();
  while (!text.empty()) {
    const ssize_t n = write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed();
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fsync(file.get()) != 0 || rename(fresh.c_str(), path.c_str()) != 0) return failed();
  return Ok();
}

}  // namespace twinseal
