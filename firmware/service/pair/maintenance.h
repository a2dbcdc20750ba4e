// Taking this site out of service for maintenance, and back in.
#pragma once

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/service/pair/membership.h"
#include "firmware/service/pair/pair_barrier.h"
#include "firmware/service/pair/site_lease.h"

namespace twinseal::service {

// Thread-safe; blocks.
class Maintenance {
 public:
  Maintenance(SiteName site, ledger::Ledger& ledger, SiteLease& lease, PairBarrier& barrier,
              Membership& membership, WallClock clock)
      : site_(std::move(site)),
        ledger_(ledger),
        lease_(lease),
        barrier_(barrier),
        membership_(membership),
        clock_(std::move(clock)) {}

  // Returns when the site takes no new work, and the ledger is led elsewhere. Repeatable.
  // failed_precondition when no other site could go on: nothing is changed then.
  Status Start(Deadline deadline);
  // Returns when the site serves again. Repeatable.
  Status Finish(Deadline deadline);

 private:
  Status Write(v1::SiteStanding::Standing standing, Deadline deadline);
  Status CheckOthers() const;
  bool Is(v1::SiteStanding::Standing standing) const;

  const SiteName site_;
  ledger::Ledger& ledger_;
  SiteLease& lease_;
  PairBarrier& barrier_;
  Membership& membership_;
  const WallClock clock_;
};

}  // namespace twinseal::service
