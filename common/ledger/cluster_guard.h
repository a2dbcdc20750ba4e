// Notices when a cluster is not the one that it was, or goes backwards.
#pragma once

#include <optional>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/ledger/etcd_ledger.h"

namespace twinseal::ledger {

// Thread-safe. Once it has refused, it refuses for ever.
class ClusterGuard {
 public:
  explicit ClusterGuard(Sighting seen) : seen_(seen) {}

  // Before a call: the revision that its answer may not be behind; data_loss after a refusal.
  Result<Revision> Before() const TWINSEAL_EXCLUDES(mutex_);
  // What its answer says of the cluster. data_loss when that is another or behind `at_least`.
  Status Check(std::uint64_t cluster_id, Revision revision, Revision at_least)
      TWINSEAL_EXCLUDES(mutex_);

  Sighting seen() const TWINSEAL_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  Sighting seen_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<Error> refusal_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::ledger
