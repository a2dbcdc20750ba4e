#include "firmware/service/pair/pair_file.h"

#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include "common/base/own_folder.h"

namespace twinseal::service {
namespace {

// Empty when there is no such file, and when it cannot be read.
std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool IsThere(const std::filesystem::path& path) {
  std::error_code failed;
  const bool there = std::filesystem::exists(path, failed);
  // What cannot be looked at is not taken for the file of an appliance that is alone.
  return there || failed;
}

}  // namespace

Result<std::unique_ptr<PairFile>> PairFile::Open(const std::filesystem::path& data_dir) {
  const std::filesystem::path folder = data_dir / "pair";
  v1::PairState state;
  if (IsThere(folder / "state")) {
    const std::string text = ReadText(folder / "state");
    if (text.empty() || !state.ParseFromString(text)) {
      return Error(Code::kDataLoss, fmt::format("{} cannot be read; put a copy of it back",
                                                (folder / "state").string()));
    }
  }
  return std::unique_ptr<PairFile>(new PairFile(folder, std::move(state)));
}

v1::PairState PairFile::state() const {
  const MutexLock lock(mutex_);
  return state_;
}

bool PairFile::paired() const {
  switch (state().phase()) {
    case v1::PairState::ACCEPTED:
    case v1::PairState::MOVING:
    case v1::PairState::PAIRED:
    case v1::PairState::LEAVING:
    case v1::PairState::FENCED:
      return true;
    default:
      return false;
  }
}

Status PairFile::Change(const std::function<void(v1::PairState&)>& change) {
  const MutexLock lock(mutex_);
  v1::PairState changed = state_;
  change(changed);
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(folder_));
  TWINSEAL_RETURN_IF_ERROR(WriteFileAtomically(folder_ / "state", changed.SerializeAsString()));
  state_ = std::move(changed);
  return Ok();
}

Status PairFile::AskConsole(const v1::PendingPairing& pending) const {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!google::protobuf::util::MessageToJsonString(pending, &json, options).ok()) {
    return Error(Code::kInternal, "what is to be confirmed cannot be written down");
  }
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(folder_));
  return WriteFileAtomically(folder_ / "pending.json", json);
}

Status PairFile::CheckConfirmed(const std::string& pairing_id, const std::string& code) const {
  const std::string confirmed = ReadText(folder_ / "confirmed");
  if (confirmed.find(pairing_id) != std::string::npos &&
      confirmed.find(code) != std::string::npos) {
    return Ok();
  }
  return Error(Code::kFailedPrecondition,
               fmt::format("the operator at the console of site {} has not confirmed the code yet; "
                           "run `twinseal pair confirm` there",
                           state().site()));
}

void PairFile::ForgetConsole() const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / "pending.json", ignored);
  std::filesystem::remove(folder_ / "confirmed", ignored);
}

}  // namespace twinseal::service
