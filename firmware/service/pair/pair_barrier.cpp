#include "firmware/service/pair/pair_barrier.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "firmware/service/keys/older_rule.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A site that was away for so long is no longer waited for at each change.
constexpr std::chrono::seconds kSuspendAfter{3};

}  // namespace

void PairBarrier::Open(SiteLease& lease, ledger::Ledger& ledger, Others others) {
  const MutexLock lock(mutex_);
  lease_ = &lease;
  ledger_ = &ledger;
  for (auto& [site, progress] : others) others_[site] = std::move(progress);
}

void PairBarrier::Close() {
  Progress ending;
  const MutexLock lock(mutex_);
  ending.swap(others_);
}

PairBarrier::Progress PairBarrier::others() const {
  const MutexLock lock(mutex_);
  return others_;
}

SiteLease* PairBarrier::lease() const {
  const MutexLock lock(mutex_);
  return lease_;
}

// Whether every lease that the site may have had when this was written is over.
bool PairBarrier::OutForCertain(const SeenStanding& seen) const {
  return seen.standing.standing() != v1::SiteStanding::ACTIVE &&
         boot_time_() > seen.seen + kLease + kLeaseMargin;
}

bool PairBarrier::NearbyIsCurrent() const {
  const SiteLease* const own = lease();
  return own != nullptr && own->held();
}

bool PairBarrier::AllHave(ledger::Revision revision) const {
  return std::ranges::all_of(others(), [&](const auto& other) {
    return other.second->WaitUntil(revision, steady_clock::now());
  });
}

std::vector<SiteName> PairBarrier::OtherSites() const {
  std::vector<SiteName> sites;
  for (const auto& [site, progress] : others()) {
    if (const Result<SiteName> name = SiteName::Parse(site); name.ok()) sites.push_back(*name);
  }
  return sites;
}

Status PairBarrier::MayChange() const {
  const SiteLease* const own = lease();
  if (own != nullptr) return own->MayChange();
  return Error(
      Code::kUnavailable,
      "this site has not met the pair's other sites since it was started; ask another site");
}

Status PairBarrier::MayActOn(const v1::Key& key) const {
  const SiteLease* const own = lease();
  if (own == nullptr || key.state() != v1::ENABLED) return MayChange();
  return own->MaySign(key);
}

void PairBarrier::Guard(ledger::Transaction& change) const {
  change.guards.push_back(ledger::Absent{std::string(kLeftPath)});
}

Barrier::Terms PairBarrier::Prepare(ledger::Transaction& change) {
  Terms terms;
  Guard(change);
  change.writes.push_back(ledger::Touch{std::string(kChangedPath)});
  const SiteLease* const own = lease();
  if (own == nullptr) return terms;
  const SeenStandings standings = own->standings();
  for (const auto& [site, progress] : others()) {
    const auto seen = standings.find(site);
    if (seen == standings.end() || !OutForCertain(seen->second)) continue;
    // Still so when the change is committed: it comes back only by a change of this record.
    change.guards.push_back(ledger::UnchangedSince{StandingPath(site), seen->second.modified});
    terms.out.push_back(site);
  }
  return terms;
}

// A site that was left out has come back since the last look.
void PairBarrier::Missed() {
  SiteLease* const own = lease();
  if (own == nullptr) return;
  const auto out = [](const auto& seen) {
    return seen.second.standing.standing() != v1::SiteStanding::ACTIVE;
  };
  if (std::ranges::any_of(own->standings(), out)) own->AwaitLook(steady_clock::now() + kLease);
}

std::vector<v1::UninformedSite> PairBarrier::Await(const Terms& terms, const v1::Key& before,
                                                   ledger::Revision revision) {
  const Deadline lease_over = steady_clock::now() + kLease + kLeaseMargin;
  std::vector<v1::UninformedSite> uninformed;
  const auto name = [&](const std::string& site, const SiteRule& rule) {
    if (rule.isolation.count() == 0) return;
    v1::UninformedSite& one = uninformed.emplace_back();
    one.set_site(site);
    one.set_may_sign_until_unix_ms(clock_() + milliseconds(rule.isolation + kLease).count());
  };
  const SiteLease* const own = lease();
  const SeenStandings standings = own == nullptr ? SeenStandings() : own->standings();
  for (const auto& [site, progress] : others()) {
    // One that has not heard of what was before may act by what was before that.
    const bool is_new = before.key_id().empty();
    const bool knows = is_new || progress->WaitUntil(terms.before_recorded, steady_clock::now());
    const SiteRule rule = RuleAt(before, site, knows);
    if (!is_new && !rule.holds) continue;
    // What did not sign before, nobody signs with by mistake: a site that is away hears of it
    // later.
    const bool harmless = is_new || (before.state() != v1::ENABLED && knows);
    if (std::ranges::find(terms.out, site) != terms.out.end()) {
      const bool suspended = StandingIn(standings, site) == v1::SiteStanding::SUSPENDED;
      if (suspended && !harmless) name(site, rule);
      continue;
    }
    if (harmless && !progress->contact().reachable) continue;
    if (progress->WaitUntil(revision, lease_over)) continue;
    if (!harmless) name(site, rule);
    Suspend(site, progress->contact());
  }
  return uninformed;
}

void PairBarrier::Suspend(const std::string& site, const OtherSite::Contact& contact) {
  if (contact.reachable || steady_clock::now() < contact.since + kSuspendAfter) return;
  ledger::Ledger* ledger = nullptr;
  const SiteLease* lease = nullptr;
  {
    const MutexLock lock(mutex_);
    ledger = ledger_;
    lease = lease_;
  }
  const SeenStandings standings = lease->standings();
  if (StandingIn(standings, site) != v1::SiteStanding::ACTIVE) return;
  v1::SiteStanding suspended;
  suspended.set_standing(v1::SiteStanding::SUSPENDED);
  suspended.set_since_unix_ms(clock_());
  const auto seen = standings.find(site);
  ledger::Transaction transaction;
  const std::string path = StandingPath(site);
  transaction.guards.push_back(
      ledger::AsRead(path, seen != standings.end() ? seen->second.modified : ledger::Revision{}));
  transaction.writes.push_back(ledger::Put{path, ToBytes(suspended.SerializeAsString())});
  const Result<ledger::Outcome> outcome = ledger->Commit(transaction);
  if (outcome.ok() && outcome->committed) {
    spdlog::warn("site {} cannot be reached ({}): changes do not wait for it until it is back",
                 site, contact.reason);
  }
}

std::map<std::string, OtherSite::Contact> PairBarrier::contacts() const {
  std::map<std::string, OtherSite::Contact> contacts;
  for (const auto& [site, progress] : others()) contacts[site] = progress->contact();
  return contacts;
}

}  // namespace twinseal::service
