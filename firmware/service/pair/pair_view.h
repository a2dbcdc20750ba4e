// How the pair looks from this site.
#pragma once

#include "common/ledger/ledger.h"
#include "firmware/service/pair/membership.h"
#include "firmware/service/pair/pair_file.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::service {

// Thread-safe.
class PairView {
 public:
  // `membership` is null for an appliance that is alone. `detail` says what is being waited for.
  PairView(std::string site, PairFile& file, ledger::Ledger& ledger, Membership* membership,
           std::function<std::string()> detail)
      : site_(std::move(site)),
        file_(file),
        ledger_(ledger),
        membership_(membership),
        detail_(std::move(detail)) {}

  // Asks this place's own member, and blocks for that.
  v1::GetPairResponse Describe();

 private:
  void DescribeLedger(v1::GetPairResponse& response);

  const std::string site_;
  PairFile& file_;
  ledger::Ledger& ledger_;
  Membership* const membership_;
  const std::function<std::string()> detail_;
};

// "alone", "offered", ..., as GetPairResponse.phase has it.
std::string PhaseName(v1::PairState::Phase phase);

}  // namespace twinseal::service
