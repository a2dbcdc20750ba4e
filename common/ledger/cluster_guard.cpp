#include "common/ledger/cluster_guard.h"

#include <algorithm>

#include <fmt/format.h>

namespace twinseal::ledger {

Result<Revision> ClusterGuard::Before() const {
  const MutexLock lock(mutex_);
  if (refusal_.has_value()) return *refusal_;
  return seen_.highest;
}

Status ClusterGuard::Check(std::uint64_t cluster_id, Revision revision, Revision at_least) {
  const MutexLock lock(mutex_);
  if (!refusal_.has_value() && seen_.cluster_id != 0 && cluster_id != seen_.cluster_id) {
    refusal_ = Error(Code::kDataLoss,
                     fmt::format("the ledger is of the cluster {:x} and not of {:x}, which this "
                                 "site belongs to; it is not used",
                                 cluster_id, seen_.cluster_id));
  }
  if (!refusal_.has_value() && revision < at_least) {
    refusal_ = Error(Code::kDataLoss,
                     fmt::format("the ledger is at revision {}, and this site has seen {}: it was "
                                 "set back to an older copy, and is not used",
                                 Number(revision), Number(at_least)));
  }
  if (refusal_.has_value()) return *refusal_;
  seen_.cluster_id = cluster_id;
  seen_.highest = std::max(seen_.highest, revision);
  return Ok();
}

Sighting ClusterGuard::seen() const {
  const MutexLock lock(mutex_);
  return seen_;
}

}  // namespace twinseal::ledger
