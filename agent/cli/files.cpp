#include "agent/cli/files.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// Large enough that the read calls do not show in a profile, small enough for the cache.
constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;

Code CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EEXIST:
      return Code::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
      return Code::kResourceExhausted;
    default:
      return Code::kFailedPrecondition;
  }
}

Error FileError(const std::string& path, std::string_view what, int error_number) {
  return Error(CodeOf(error_number),
               fmt::format("{} {}: {}", Printable(path), what, SystemMessage(error_number)));
}

Status WriteAll(int descriptor, BytesView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FileError(path, "cannot be written", errno);
    }
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return Ok();
}

// What close() reports late, a full quota for instance, is an error of the write.
Status Close(UniqueFd descriptor, const std::string& path) {
  if (close(descriptor.Release()) != 0 && errno != EINTR) {
    return FileError(path, "cannot be written", errno);
  }
  return Ok();
}

Status WriteInPlace(const std::string& path, BytesView content) {
  UniqueFd descriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!descriptor.valid()) return FileError(path, "cannot be written", errno);
  TWINSEAL_RETURN_IF_ERROR(WriteAll(descriptor.get(), content, path));
  return Close(std::move(descriptor), path);
}

Status Replace(const std::string& path, BytesView content, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd descriptor(mkostemp(temporary.data(), O_CLOEXEC));
  if (!descriptor.valid()) return FileError(path, "cannot be written", errno);
  Status status = WriteAll(descriptor.get(), content, path);
  if (status.ok() && fchmod(descriptor.get(), mode) != 0) {
    status = FileError(path, "cannot be written", errno);
  }
  if (status.ok()) status = Close(std::move(descriptor), path);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = FileError(path, "cannot be written", errno);
  }
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

mode_t Umask() {
  const mode_t mask = umask(0);
  umask(mask);
  return mask;
}

}  // namespace

std::string SystemMessage(int error_number) {
  return std::generic_category().message(error_number);
}

Result<UniqueFd> OpenForReading(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} is no file name: it holds a NUL", Printable(path)));
  }
  UniqueFd descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!descriptor.valid()) return FileError(path, "cannot be read", errno);
  struct stat status {};
  if (fstat(descriptor.get(), &status) != 0) return FileError(path, "cannot be read", errno);
  if (S_ISDIR(status.st_mode)) return FileError(path, "cannot be read", EISDIR);
  return descriptor;
}

Result<Bytes> ReadAll(int descriptor, std::size_t limit, const std::string& name) {
  Bytes content;
  while (true) {
    const std::size_t had = content.size();
    content.resize(had + kChunkBytes);
    const ssize_t got = read(descriptor, content.data() + had, kChunkBytes);
    content.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got < 0 && errno != EINTR) return FileError(name, "cannot be read", errno);
    if (got == 0) return content;
    if (content.size() > limit) {
      return Error(Code::kOutOfRange,
                   fmt::format("{} is longer than {} bytes", Printable(name), limit));
    }
  }
}

Result<Bytes> ReadFile(const std::string& path, std::size_t limit) {
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd descriptor, OpenForReading(path));
  return ReadAll(descriptor.get(), limit, path);
}

Status WriteFile(const std::string& path, BytesView content) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return FileError(path, "cannot be written", EISDIR);
    if (!S_ISREG(status.st_mode)) return WriteInPlace(path, content);
    // A file that may not be written is not replaced behind its owner's back.
    if (access(path.c_str(), W_OK) != 0) return FileError(path, "cannot be written", errno);
    return Replace(path, content, status.st_mode & 0777);
  }
  return Replace(path, content, 0666 & ~Umask());
}

Result<NewPrivateFile> NewPrivateFile::Create(std::string path) {
  UniqueFd descriptor(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!descriptor.valid()) {
    if (errno == EEXIST) {
      return Error(
          Code::kAlreadyExists,
          fmt::format(
              "{} exists already and is left as it is; move it away or choose another folder",
              Printable(path)));
    }
    return FileError(path, "cannot be made", errno);
  }
  return NewPrivateFile(std::move(path), std::move(descriptor));
}

NewPrivateFile::NewPrivateFile(NewPrivateFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::move(other.descriptor_)),
      kept_(std::exchange(other.kept_, true)) {}

NewPrivateFile::~NewPrivateFile() {
  if (!kept_) unlink(path_.c_str());
}

Status NewPrivateFile::Write(BytesView content) {
  TWINSEAL_RETURN_IF_ERROR(WriteAll(descriptor_.get(), content, path_));
  if (fsync(descriptor_.get()) != 0) return FileError(path_, "cannot be synced", errno);
  return Close(std::move(descriptor_), path_);
}

Status EnsureFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0) return Ok();
  const int error_number = errno;
  struct stat status {};
  if (error_number == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
    return Ok();
  return FileError(path, "cannot be made", error_number);
}

}  // namespace twinseal::cli
