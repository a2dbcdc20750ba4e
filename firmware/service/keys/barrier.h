// What a change of a key owes the sites: when it is acknowledged, no site acts on what was before.
#pragma once

#include <string>
#include <vector>

#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// That of an appliance that is alone: its own view is all there is. Thread-safe.
class Barrier {
 public:
  // What a commit was prepared under.
  struct Terms {
    std::vector<std::string> out;  // Sites that need not be waited for.
    // When the ledger recorded what was before the change. Who has not heard of that may act on
    // something older still. Where what was before is not known, the change's own revision.
    ledger::Revision before_recorded{};
  };

  Barrier() = default;
  virtual ~Barrier() = default;
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // unavailable, saying where to go, when no change can be made at this site now. Quick.
  virtual Status MayChange() const { return Ok(); }

  // Adds to any change of the ledger what has to hold for it.
  virtual void Guard(ledger::Transaction& /*change*/) const {}

  // Adds to the change of a key what has to hold for it, and what the other sites go by.
  virtual Terms Prepare(ledger::Transaction& /*change*/) { return {}; }

  // A guard of a change did not hold: learns anew what Prepare goes by, should it be old. Blocks.
  virtual void Missed() {}

  // After the commit of `revision`: returns when no site acts any more on the key as it was
  // `before`. Names the sites that may all the same, and until when, by the key's isolation rule.
  // Blocks, for the length of a lease at most.
  virtual std::vector<v1::UninformedSite> Await(const Terms& /*terms*/, const v1::Key& /*before*/,
                                                ledger::Revision /*revision*/) {
    return {};
  }

  // Whether this site may act on the key as it knows it, also when it hears of no changes:
  // unavailable when not, saying where to go. Quick.
  virtual Status MayActOn(const v1::Key& /*key*/) const { return Ok(); }

  // Whether what is nearby is as new as what was ever acknowledged.
  virtual bool NearbyIsCurrent() const { return true; }

  // Whether every other site has said that its view has the revision. Quick.
  virtual bool AllHave(ledger::Revision /*revision*/) const { return true; }

  // Every site of the domain but this one.
  virtual std::vector<SiteName> OtherSites() const { return {}; }
};

}  // namespace twinseal::service
