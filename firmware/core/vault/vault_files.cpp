#include "firmware/core/vault/vault_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace twinseal::core {
namespace {

// SQLite's files beside the database.
constexpr std::array<std::string_view, 4> kSuffixes = {"", "-wal", "-shm", "-journal"};

constexpr std::string_view kFileName = "vault.db";
constexpr std::string_view kLockName = "vault.lock";

Error Refused(Code code, const std::filesystem::path& path, std::string_view why) {
  return Error(code, fmt::format("the vault is not opened: {} {}", path.string(), why));
}

Status MakeFolder(const std::filesystem::path& folder) {
  if (mkdir(folder.c_str(), S_IRWXU) == 0) return Ok();
  if (errno != EEXIST) {
    const Code code =
        errno == ENOSPC || errno == EDQUOT ? Code::kResourceExhausted : Code::kUnavailable;
    return Refused(code, folder, fmt::format("cannot be made: {}", std::strerror(errno)));
  }
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0) {
    return Refused(Code::kUnavailable, folder, std::strerror(errno));
  }
  if (!S_ISDIR(info.st_mode)) {
    return Refused(Code::kPermissionDenied, folder, "is not a folder");
  }
  if (info.st_uid != geteuid()) {
    return Refused(
        Code::kPermissionDenied, folder,
        fmt::format("belongs to the user with number {}, not to {}", info.st_uid, geteuid()));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Refused(
        Code::kPermissionDenied, folder,
        fmt::format("is open to others (mode {:04o}); set it to 0700", info.st_mode & 07777U));
  }
  return Ok();
}

// Two cores with one vault would each keep marks of their own.
Result<UniqueFd> LockFile(const std::filesystem::path& path) {
  UniqueFd file(open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file.valid()) {
    return Refused(Code::kUnavailable, path,
                   fmt::format("cannot be opened: {}", std::strerror(errno)));
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return Refused(Code::kFailedPrecondition, path,
                   "is locked: another twinseal-core uses this vault; end that one first");
  }
  return file;
}

Error NotEmptied(const std::filesystem::path& path, std::string_view doing) {
  const std::string why = std::strerror(errno);
  return Error(Code::kUnavailable,
               fmt::format("the vault is not emptied: {} {}: {}", path.string(), doing, why));
}

Status Overwrite(const std::filesystem::path& path, int file, off_t size) {
  static constexpr std::array<char, 65536> kZeros{};
  for (off_t at = 0; at < size;) {
    const auto count =
        static_cast<std::size_t>(std::min<off_t>(static_cast<off_t>(kZeros.size()), size - at));
    const ssize_t written = pwrite(file, kZeros.data(), count, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return NotEmptied(path, "cannot be overwritten");
    at += written;
  }
  if (fsync(file) != 0) return NotEmptied(path, "cannot be synced");
  return Ok();
}

Status EraseFile(const std::filesystem::path& path) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return Ok();
  struct stat info {};
  if (!file.valid() || fstat(file.get(), &info) != 0) return NotEmptied(path, "cannot be opened");
  TWINSEAL_RETURN_IF_ERROR(Overwrite(path, file.get(), info.st_size));
  if (unlink(path.c_str()) != 0) return NotEmptied(path, "cannot be removed");
  return Ok();
}

}  // namespace

std::filesystem::path VaultFile(const std::filesystem::path& folder) { return folder / kFileName; }

Result<UniqueFd> LockVault(const std::filesystem::path& folder) {
  TWINSEAL_RETURN_IF_ERROR(MakeFolder(folder));
  return LockFile(folder / kLockName);
}

Status EraseVaultFiles(const std::filesystem::path& folder) {
  for (const std::string_view suffix : kSuffixes) {
    std::filesystem::path path = VaultFile(folder);
    path += suffix;
    TWINSEAL_RETURN_IF_ERROR(EraseFile(path));
  }
  const UniqueFd directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) {
    return NotEmptied(folder, "cannot be synced");
  }
  return Ok();
}

}  // namespace twinseal::core
