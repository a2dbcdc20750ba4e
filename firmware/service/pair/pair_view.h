// How the pair looks from this site.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/ledger/ledger.h"
#include "firmware/service/pair/membership.h"
#include "firmware/service/pair/pair_barrier.h"
#include "firmware/service/pair/pair_file.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::service {

// Thread-safe.
class PairView {
 public:
  // What a site of a pair has; all of it outlives the view.
  struct Paired {
    ledger::Ledger& ledger;
    Membership& membership;
    SiteLease& lease;
    PairBarrier& barrier;
    Applied& applied;
  };

  // `paired` is nothing for an appliance that is alone. `detail` says what is being waited for.
  PairView(std::string site, PairFile& file, std::optional<Paired> paired,
           std::function<std::string()> detail)
      : site_(std::move(site)), file_(file), paired_(paired), detail_(std::move(detail)) {}

  // Asks this place's own member, and blocks for that.
  v1::GetPairResponse Describe();

 private:
  void DescribeLedger(v1::GetPairResponse& response) const;
  void DescribeSites(v1::GetPairResponse& response) const;

  const std::string site_;
  PairFile& file_;
  const std::optional<Paired> paired_;
  const std::function<std::string()> detail_;
};

// "alone", "offered", ..., as GetPairResponse.phase has it.
std::string PhaseName(v1::PairState::Phase phase);
// "active", "suspended", "maintenance", as SiteView.standing has it.
std::string StandingName(v1::SiteStanding::Standing standing);

}  // namespace twinseal::service
