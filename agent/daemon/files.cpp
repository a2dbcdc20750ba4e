#include "agent/daemon/files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::agent {
namespace {

// A pair of many places has some KiB.
constexpr off_t kMaxFileBytes = off_t{1} << 20;

}  // namespace

Result<Secret> ReadOwnFile(const std::filesystem::path& path) {
  const auto failed = [&path](std::string_view why) {
    return Error(Code::kFailedPrecondition, fmt::format("reading {}: {}", path.string(), why));
  };
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT)
    return Error(Code::kNotFound, fmt::format("there is no {}", path.string()));
  struct stat info {};
  if (!file.valid() || fstat(file.get(), &info) != 0) return failed(strerror(errno));
  if (info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return Error(Code::kPermissionDenied,
                 fmt::format("{} is another user's or open to others; give it to the agent's user "
                             "and close it: chmod 600 {}",
                             path.string(), path.string()));
  }
  if (info.st_size > kMaxFileBytes) return failed("it is none of the agent's files: too large");
  Secret text(static_cast<std::size_t>(info.st_size));
  const ssize_t count = pread(file.get(), text.Writable(SecretAccess()).data(), text.size(), 0);
  if (count < 0) return failed(strerror(errno));
  text.Truncate(static_cast<std::size_t>(count));
  return text;
}

}  // namespace twinseal::agent
