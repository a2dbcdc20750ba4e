#include "agent/cli/pair/ceremony_file.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "agent/cli/files.h"
#include "agent/cli/private_file.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// The messages of a ceremony have some ten thousand bytes: two keys' blobs and a few certificates.
constexpr std::size_t kMaxCeremonyBytes = std::size_t{4} << 20U;

}  // namespace

Result<CeremonyFile> CeremonyFile::Open(const std::string& data_dir) {
  TWINSEAL_RETURN_IF_ERROR(EnsurePrivateFolder(data_dir));
  UniqueFd lock(open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} cannot be read: {}", Printable(data_dir), SystemMessage(errno)));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("another `twinseal pair` command works on {}; let it end or stop it",
                             Printable(data_dir)));
  }
  return CeremonyFile(data_dir + "/ceremony", std::move(lock));
}

Result<std::optional<v1::CeremonyState>> CeremonyFile::Load() const {
  const Result<Bytes> content = ReadFile(path_, kMaxCeremonyBytes);
  if (!content.ok() && content.error().code() == Code::kNotFound) {
    return std::optional<v1::CeremonyState>();
  }
  if (!content.ok()) return content.error();
  v1::CeremonyState state;
  if (!state.ParseFromArray(content->data(), static_cast<int>(content->size())) ||
      state.id().empty()) {
    return Error(Code::kDataLoss,
                 fmt::format("{} cannot be read; when no ceremony is under way at either site, "
                             "remove it",
                             Printable(path_)));
  }
  return std::optional(std::move(state));
}

Status CeremonyFile::Save(const v1::CeremonyState& state) const {
  return WritePrivateFile(path_, AsBytes(state.SerializeAsString()));
}

Status CeremonyFile::Remove() const { return RemoveFile(path_); }

std::string CeremonyRequestId(const v1::CeremonyState& state, const std::string& step) {
  return fmt::format("{}-{}", state.id(), step);
}

}  // namespace twinseal::cli
