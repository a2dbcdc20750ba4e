#include "agent/daemon/member_folder.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include <fmt/format.h>

#include "common/base/own_folder.h"

namespace twinseal::agent {
namespace {

namespace fs = std::filesystem;

// A token is random hexadecimal digits; it names a folder, so that it is looked at first.
bool IsName(const std::string& token) {
  return !token.empty() && token.size() <= 64 && std::ranges::all_of(token, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-';
  });
}

bool HasOthers(const fs::path& folder) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder.parent_path(), failed)) {
    if (entry.path() != folder) return true;
  }
  return false;
}

}  // namespace

Result<MemberFolder> ChooseMemberFolder(const fs::path& data_dir, const v1::WitnessState& state) {
  const std::string& token = state.config().cluster_token();
  if (!IsName(token)) return Error(Code::kDataLoss, "the pair's record has no cluster token");
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir / "etcd"));
  MemberFolder folder{.path = data_dir / "etcd" / token};
  std::error_code failed;
  if (fs::exists(folder.path / "member", failed)) return folder;
  const bool other_cluster = HasOthers(folder.path);
  if (state.highest_revision() > 0 && !other_cluster) {
    return Error(
        Code::kDataLoss,
        fmt::format("{} is gone, and with it what this place's member of the ledger has "
                    "promised: it may not take part as the one that it was; put the folder "
                    "back, or let this place join the pair anew (docs/recovery.md)",
                    folder.path.string()));
  }
  folder.existing = other_cluster || state.config().epoch() > 1;
  folder.fresh = true;
  return folder;
}

void RemoveOtherFolders(const MemberFolder& kept) {
  std::error_code ignored;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(kept.path.parent_path(), ignored)) {
    if (entry.path() != kept.path) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace twinseal::agent
