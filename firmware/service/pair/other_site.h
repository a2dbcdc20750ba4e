// What a site knows of another one.
#pragma once

#include <chrono>
#include <string>

#include "common/ledger/ledger.h"
#include "firmware/service/core_link/core.h"

namespace twinseal::service {

// Thread-safe.
class OtherSite {
 public:
  OtherSite() = default;
  virtual ~OtherSite() = default;
  OtherSite(const OtherSite&) = delete;
  OtherSite& operator=(const OtherSite&) = delete;

  // False when the site has not said by then that its view has the revision.
  virtual bool WaitUntil(ledger::Revision revision, Deadline deadline) = 0;

  struct Contact {
    bool reachable = false;
    std::string reason;  // Why not.
    std::chrono::steady_clock::time_point since;
  };
  virtual Contact contact() const = 0;
};

}  // namespace twinseal::service
