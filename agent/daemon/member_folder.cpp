#include "agent/daemon/member_folder.h"

#include <algorithm>
#include <cctype>
#include <system_error>

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

}  // namespace

Result<MemberFolder> ChooseMemberFolder(const fs::path& data_dir, const v1::WitnessState& state) {
  const std::string& token = state.config().cluster_token();
  if (!IsName(token)) return Error(Code::kDataLoss, "the pair's record has no cluster token");
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir / "etcd"));
  std::error_code failed;
  MemberFolder folder;
  folder.path = data_dir / "etcd" / token;
  folder.has_data = fs::exists(folder.path / "member", failed);
  folder.seen = state.seen_cluster_token() == token;
  folder.lost = folder.seen && !folder.has_data;
  folder.existing = folder.lost || state.config().epoch() > 1;
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
