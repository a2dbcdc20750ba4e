#include "agent/daemon/site_board.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/daemon/places.h"

namespace twinseal::agent {

SiteBoard::SiteBoard(AlarmBoard& alarms, Availability availability, WallClock clock,
                     std::function<std::uint64_t()> ledger_revision)
    : alarms_(alarms),
      clock_(std::move(clock)),
      ledger_revision_(std::move(ledger_revision)),
      availability_(availability) {}

void SiteBoard::Expect(const std::vector<std::string>& names) {
  std::vector<std::string> gone;
  {
    const MutexLock lock(mutex_);
    for (const auto& [name, site] : sites_) {
      if (std::ranges::find(names, name) == names.end()) gone.push_back(name);
    }
    for (const std::string& name : gone) sites_.erase(name);
    for (const std::string& name : names) {
      v1::PlaceHealth& health = sites_[name].health;
      if (!health.name().empty()) continue;
      health.set_name(name);
      health.set_reason("it was not looked at yet");
      health.set_since_unix_ms(clock_());
    }
  }
  for (const std::string& name : gone) alarms_.EndAllOf(name);
}

void SiteBoard::Note(const SiteSight& sight, Availability::Clock::time_point now) {
  {
    const MutexLock lock(mutex_);
    const auto found = sites_.find(sight.name);
    if (found == sites_.end()) return;
    Site& site = found->second;
    v1::PlaceHealth& health = site.health;
    if (!site.seen || health.reachable() != sight.reachable || health.ready() != sight.ready)
      health.set_since_unix_ms(clock_());
    site.seen = true;
    health.set_reachable(sight.reachable);
    health.set_ready(sight.ready);
    health.set_reason(sight.reason);
    health.set_round_trip_us(sight.round_trip_us);
    availability_.Note(now, std::ranges::any_of(sites_, [](const auto& entry) {
                         return entry.second.health.ready();
                       }));
  }
  TellAlarms(sight);
  if (sight.pair) NotePair(sight.name, *sight.pair);
}

void SiteBoard::TellAlarms(const SiteSight& sight) {
  alarms_.Set(!sight.reachable, alarm::kSiteUnreachable, sight.name,
              fmt::format("site {} is not reached from here: {}; look at its power, its network "
                          "and twinseald there",
                          sight.name, sight.reason));
  alarms_.Set(sight.reachable && !sight.ready, alarm::kSiteNotReady, sight.name,
              fmt::format("site {} serves nobody: {}", sight.name, sight.reason));
}

void SiteBoard::NotePair(const std::string& name, const v1::GetPairResponse& pair) {
  const std::uint64_t revision = ledger_revision_();
  std::uint64_t due = 0;
  {
    const MutexLock lock(mutex_);
    const auto found = sites_.find(name);
    if (found == sites_.end()) return;
    due = std::exchange(found->second.due, revision);
    const bool first = !newest_.has_value();
    if (pair.has_config() && (first || Succeeds(pair.config(), *newest_))) newest_ = pair.config();
  }
  // One that has left, or is only about to join, has a ledger of its own or none.
  const bool follows = pair.phase() == "paired";
  alarms_.Set(follows && pair.applied_revision() < due, alarm::kLedgerBehind, name,
              fmt::format("site {} has the ledger's changes up to {} only, and {} was there when "
                          "it was asked before; look at its disk and its network",
                          name, pair.applied_revision(), due));
}

std::vector<v1::PlaceHealth> SiteBoard::Health() const {
  const MutexLock lock(mutex_);
  std::vector<v1::PlaceHealth> all;
  all.reserve(sites_.size());
  for (const auto& [name, site] : sites_) all.push_back(site.health);
  return all;
}

Availability SiteBoard::availability() const {
  const MutexLock lock(mutex_);
  return availability_;
}

std::vector<std::string> SiteBoard::Best() const {
  std::vector<v1::PlaceHealth> all = Health();
  std::erase_if(all, [](const v1::PlaceHealth& health) { return !health.ready(); });
  std::ranges::stable_sort(all, {}, &v1::PlaceHealth::round_trip_us);
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const v1::PlaceHealth& health : all) names.push_back(health.name());
  return names;
}

std::optional<v1::PairConfig> SiteBoard::NewestConfig() const {
  const MutexLock lock(mutex_);
  return newest_;
}

}  // namespace twinseal::agent
