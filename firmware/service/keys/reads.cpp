#include "firmware/service/keys/reads.h"

#include <utility>

namespace twinseal::service {

Status Reads::Ahead(const std::vector<std::string>& paths) {
  using Entries = std::vector<std::optional<ledger::Entry>>;
  TWINSEAL_ASSIGN_OR_RETURN(Entries entries, from_ == From::kNearby ? ledger_.GetAllNearby(paths)
                                                                    : ledger_.GetAll(paths));
  for (std::size_t i = 0; i < paths.size(); ++i) ahead_[paths[i]] = std::move(entries[i]);
  return Ok();
}

Result<std::optional<ledger::Entry>> Reads::Get(const std::string& path) {
  if (const auto found = ahead_.find(path); found != ahead_.end()) return found->second;
  return from_ == From::kNearby ? ledger_.GetNearby(path) : ledger_.Get(path);
}

}  // namespace twinseal::service
