// How all sites are: what the watches see, since when, and what of it is an alarm.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/availability.h"
#include "agent/daemon/site_watch.h"
#include "common/base/mutex.h"

namespace twinseal::agent {

// Thread-safe.
class SiteBoard {
 public:
  // `alarms` outlives it. `ledger_revision` tells how far the own member of the ledger is.
  SiteBoard(AlarmBoard& alarms, Availability availability, WallClock clock,
            std::function<std::uint64_t()> ledger_revision);

  // Whoever is not among them any more is forgotten.
  void Expect(const std::vector<std::string>& names) TWINSEAL_EXCLUDES(mutex_);
  // What a watch has seen now.
  void Note(const SiteSight& sight, Availability::Clock::time_point now) TWINSEAL_EXCLUDES(mutex_);

  std::vector<v1::PlaceHealth> Health() const TWINSEAL_EXCLUDES(mutex_);
  Availability availability() const TWINSEAL_EXCLUDES(mutex_);
  // Those that are ready, the nearest first: who may lead the ledger.
  std::vector<std::string> Best() const TWINSEAL_EXCLUDES(mutex_);
  // The newest record of the pair that a site has told of; nothing when none has.
  std::optional<v1::PairConfig> NewestConfig() const TWINSEAL_EXCLUDES(mutex_);

 private:
  struct Site {
    v1::PlaceHealth health;
    bool seen = false;
    // Of the ledger, when the site was last asked: it has that much by the next time.
    std::uint64_t due = 0;
  };

  void NotePair(const std::string& name, const v1::GetPairResponse& pair);
  void TellAlarms(const SiteSight& sight);

  AlarmBoard& alarms_;
  const WallClock clock_;
  const std::function<std::uint64_t()> ledger_revision_;
  mutable Mutex mutex_;
  std::map<std::string, Site> sites_ TWINSEAL_GUARDED_BY(mutex_);
  Availability availability_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<v1::PairConfig> newest_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::agent
