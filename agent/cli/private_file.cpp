#include "agent/cli/private_file.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/files.h"
#include "agent/cli/text.h"
#include "common/base/unique_fd.h"

namespace twinseal::cli {
namespace {

Error PrivateFileError(const std::string& path, std::string_view what) {
  const int error_number = errno;
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return Error(full ? Code::kResourceExhausted : Code::kFailedPrecondition,
               fmt::format("{} {}: {}", Printable(path), what, SystemMessage(error_number)));
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Root gives the file to the folder's owner; nobody else may, and nobody else has to.
Status GiveToOwnerOf(int folder, int file, const std::string& path) {
  struct stat owner {};
  if (fstat(folder, &owner) != 0) return PrivateFileError(path, "cannot be written");
  if (geteuid() != 0 || owner.st_uid == 0) return Ok();
  if (fchown(file, owner.st_uid, owner.st_gid) != 0) {
    return PrivateFileError(path, "cannot be given to its folder's owner");
  }
  return Ok();
}

Status Fill(int folder, int file, BytesView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return PrivateFileError(path, "cannot be written");
    content = content.subspan(static_cast<std::size_t>(written));
  }
  TWINSEAL_RETURN_IF_ERROR(GiveToOwnerOf(folder, file, path));
  if (fsync(file) != 0) return PrivateFileError(path, "cannot be synced");
  return Ok();
}

}  // namespace

Status WritePrivateFile(const std::string& path, BytesView content) {
  const UniqueFd folder(open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return PrivateFileError(path, "cannot be written");
  std::string fresh = path + ".XXXXXX";
  const UniqueFd file(mkostemp(fresh.data(), O_CLOEXEC));  // Mode 0600.
  if (!file.valid()) return PrivateFileError(path, "cannot be written");
  Status status = Fill(folder.get(), file.get(), content, path);
  if (status.ok() && rename(fresh.c_str(), path.c_str()) != 0) {
    status = PrivateFileError(path, "cannot be written");
  }
  if (!status.ok()) {
    unlink(fresh.c_str());
    return status;
  }
  if (fsync(folder.get()) != 0) return PrivateFileError(path, "cannot be synced");
  return Ok();
}

Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return Ok();
  return PrivateFileError(path, "cannot be removed");
}

bool FileExists(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0;
}

Status EnsurePrivateFolder(const std::string& path) {
  TWINSEAL_RETURN_IF_ERROR(EnsureFolder(path));
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return PrivateFileError(path, "cannot be looked at");
  if ((status.st_mode & 077) == 0) return Ok();
  return Error(
      Code::kFailedPrecondition,
      fmt::format("the folder {0} is open to others; close it: chmod 700 {0}", Printable(path)));
}

}  // namespace twinseal::cli
