#include "firmware/service/appliance/archiving.h"

#include <utility>

#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {

Archiving::Archiving(const std::string& site, ledger::Ledger& ledger, std::uint64_t quota_bytes,
                     PairFile& pair, journal::Archive& archive, Others others)
    : archive_(archive),
      backlog_(site, journal::CapFor(quota_bytes),
               [site, &pair] {
                 const v1::PairState state = pair.state();
                 return pair.paired() ? SitesOf(state.config()) : std::vector<std::string>{site};
               }),
      journal_(ledger, archive, backlog_),
      // When a site has taken the ledger along, this one is still.
      copier_(ledger, archive, backlog_,
              {site, std::move(others), {ledger::Absent{std::string(kLeftPath)}}}),
      thread_(ledger, copier_, backlog_) {}

}  // namespace twinseal::service
