#include "agent/daemon/state_file.h"

#include <utility>

#include <fmt/format.h>

#include "agent/daemon/files.h"
#include "common/base/own_folder.h"

namespace twinseal::agent {
namespace {

Result<v1::WitnessState> Read(const std::filesystem::path& path) {
  TWINSEAL_ASSIGN_OR_RETURN(const Secret text, ReadOwnFile(path));
  const BytesView bytes = text.Reveal(SecretAccess());
  v1::WitnessState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !state.has_config()) {
    return Error(Code::kDataLoss,
                 fmt::format("{} cannot be read; put a copy of it back, or remove it and let "
                             "`twinseal pair create` make it again",
                             path.string()));
  }
  return state;
}

}  // namespace

Result<std::unique_ptr<StateFile>> StateFile::Open(std::filesystem::path path) {
  TWINSEAL_ASSIGN_OR_RETURN(v1::WitnessState state, Read(path));
  return std::unique_ptr<StateFile>(new StateFile(std::move(path), std::move(state)));
}

v1::WitnessState StateFile::state() const {
  const MutexLock lock(mutex_);
  return state_;
}

Status StateFile::Change(const std::function<void(v1::WitnessState&)>& change) {
  const MutexLock lock(mutex_);
  TWINSEAL_ASSIGN_OR_RETURN(v1::WitnessState changed, Read(path_));
  const std::string before = changed.SerializeAsString();
  change(changed);
  const std::string after = changed.SerializeAsString();
  if (after != before) TWINSEAL_RETURN_IF_ERROR(WriteFileAtomically(path_, after));
  state_ = std::move(changed);
  return Ok();
}

Status StateFile::Refresh() {
  const MutexLock lock(mutex_);
  TWINSEAL_ASSIGN_OR_RETURN(state_, Read(path_));
  return Ok();
}

}  // namespace twinseal::agent
