#include "firmware/service/pair/site_lease.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/policy/in_force.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// From one beginning to the next: half of the lease, so that a look may take as long as the other
// half. Each costs all members of the ledger some work.
constexpr milliseconds kLookEvery{350};
// For the view to have what the look has found; it is told by the same member.
constexpr milliseconds kCatchUp{500};

SeenStanding AsFound(const ledger::Entry& entry, BootClock::time_point now) {
  SeenStanding found{.standing = {}, .modified = entry.modified, .seen = now};
  if (!found.standing.ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size()))) {
    found.standing.Clear();
  }
  return found;
}

}  // namespace

v1::SiteStanding::Standing StandingIn(const SeenStandings& standings, const std::string& site) {
  const auto seen = standings.find(site);
  return seen == standings.end() ? v1::SiteStanding::ACTIVE : seen->second.standing.standing();
}

SiteLease::SiteLease(SiteName site, ledger::Ledger& ledger, Applied& applied, WallClock clock,
                     BootTime boot_time)
    : site_(std::move(site)),
      ledger_(ledger),
      applied_(applied),
      clock_(std::move(clock)),
      boot_time_(std::move(boot_time)) {}

SiteLease::~SiteLease() { Stop(); }

void SiteLease::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SiteLease::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void SiteLease::LookNow() {
  const MutexLock lock(mutex_);
  now_ = true;
  changed_.NotifyAll();
}

void SiteLease::AwaitLook(Deadline deadline) {
  LookNow();
  const MutexLock lock(mutex_);
  // One may be under way that began too early.
  const std::uint64_t enough = looks_ + 2;
  while (looks_ < enough && !stopping_ && changed_.WaitUntil(mutex_, deadline)) {
    now_ = true;
  }
}

void SiteLease::Run() {
  Deadline next;
  do {
    next = steady_clock::now() + kLookEvery;
    LookOnce();
    applied_.AnswerLate();
    const MutexLock lock(mutex_);
    ++looks_;
    changed_.NotifyAll();
  } while (PauseUntil(next));
}

bool SiteLease::PauseUntil(Deadline next) {
  const MutexLock lock(mutex_);
  while (!stopping_ && !now_ && changed_.WaitUntil(mutex_, next)) {
  }
  now_ = false;
  return !stopping_;
}

void SiteLease::LookOnce() {
  const BootClock::time_point began = boot_time_();
  const Result<ledger::Listing> found = ledger_.List(ledger::Range::Prefix(kPairPrefix));
  if (!found.ok()) return;
  Take(*found, boot_time_());
  ledger::Revision changed{};
  for (const ledger::Entry& entry : found->entries) {
    if (entry.key.starts_with(kChangedPath)) changed = std::max(changed, entry.modified);
  }
  if (!applied_.WaitUntil(changed, steady_clock::now() + kCatchUp)) return;
  // What else was written since is no key's.
  applied_.Advance(found->revision);
  const SeenStandings now = standings();
  const v1::SiteStanding::Standing own = StandingIn(now, site_.text());
  if (own == v1::SiteStanding::ACTIVE) return Grant(began);
  if (own != v1::SiteStanding::SUSPENDED) return;
  if (const Status lifted = Reinstate(now.at(site_.text())); !lifted.ok()) {
    spdlog::warn("returning into the pair: {}", lifted.error().message());
  }
}

// The view is level with the ledger; the next look, which finds the site active, grants the lease.
// A ledger that is full still takes it: nothing is put.
Status SiteLease::Reinstate(const SeenStanding& own) {
  ledger::Transaction transaction;
  const std::string path = StandingPath(site_.text());
  transaction.guards.push_back(ledger::UnchangedSince{path, own.modified});
  transaction.writes.push_back(ledger::Remove{path});
  const Result<ledger::Outcome> outcome = ledger_.Commit(transaction);
  if (!outcome.ok()) return outcome.error();
  if (outcome->committed) spdlog::info("site {} is level with the pair again", site_.text());
  LookNow();
  return Ok();
}

void SiteLease::Take(const ledger::Listing& listing, BootClock::time_point now) {
  const MutexLock lock(mutex_);
  SeenStandings found;
  for (const ledger::Entry& entry : listing.entries) {
    if (entry.key == kLeftPath) left_ = ToString(entry.value);
    if (!entry.key.starts_with(kStandingPrefix)) continue;
    const std::string site = entry.key.substr(kStandingPrefix.size());
    const auto known = standings_.find(site);
    const bool is_known = known != standings_.end() && known->second.modified == entry.modified;
    found[site] = is_known ? known->second : AsFound(entry, now);
  }
  standings_ = std::move(found);
}

void SiteLease::Grant(BootClock::time_point began) {
  const MutexLock lock(mutex_);
  until_ = began + kLease;
  until_unix_ms_ = clock_() -
                   std::chrono::duration_cast<milliseconds>(boot_time_() - began).count() +
                   kLease.count();
}

bool SiteLease::held() const {
  const MutexLock lock(mutex_);
  return until_ && boot_time_() < *until_;
}

Status SiteLease::CheckInService() const {
  if (!left_.empty()) {
    return Error(Code::kUnavailable,
                 fmt::format("site {} has left the pair and taken its keys' records with it; ask "
                             "that site",
                             left_));
  }
  if (StandingIn(standings_, site_.text()) == v1::SiteStanding::MAINTENANCE) {
    return Error(Code::kUnavailable,
                 fmt::format("site {} is in maintenance; ask another site", site_.text()));
  }
  return Ok();
}

Status SiteLease::MayChange() const {
  const MutexLock lock(mutex_);
  TWINSEAL_RETURN_IF_ERROR(CheckInService());
  if (until_ && boot_time_() < *until_) return Ok();
  return Error(Code::kUnavailable,
               fmt::format("site {} cannot reach a majority of the pair's ledger, which every "
                           "change needs; ask another site",
                           site_.text()));
}

Status SiteLease::MaySign(const v1::Key& key) const {
  const BootClock::time_point now = boot_time_();
  const MutexLock lock(mutex_);
  TWINSEAL_RETURN_IF_ERROR(CheckInService());
  if (until_ && now < *until_) return Ok();
  if (!until_) {
    return Error(Code::kUnavailable,
                 fmt::format("site {} has not reached the pair's ledger since it was started; ask "
                             "another site",
                             site_.text()));
  }
  const std::chrono::seconds isolation_time =
      policy::InForceAt(key.policy(), site_.text()).isolation_time;
  if (isolation_time.count() == 0) {
    return Error(Code::kUnavailable,
                 fmt::format("site {} cannot reach the pair's ledger, and the key '{}' does not "
                             "sign at a site that is isolated; ask another site",
                             site_.text(), key.name()));
  }
  if (key.state() != v1::ENABLED) {
    // Another site may know better: what is refused here for good would be lost to the caller.
    return Error(Code::kUnavailable,
                 fmt::format("site {} cannot reach the pair's ledger, and as far as it knows the "
                             "key '{}' is not enabled; ask another site",
                             site_.text(), key.name()));
  }
  if (now < *until_ + isolation_time) return Ok();
  return Error(Code::kUnavailable,
               fmt::format("site {} has not reached the pair's ledger for longer than the key '{}' "
                           "may sign without it; ask another site",
                           site_.text(), key.name()));
}

std::string SiteLease::NotReady() const {
  const MutexLock lock(mutex_);
  if (StandingIn(standings_, site_.text()) == v1::SiteStanding::MAINTENANCE) {
    return "it is in maintenance";
  }
  if (!left_.empty()) return fmt::format("site {} has left the pair and goes on alone", left_);
  return until_ ? "" : "it has not caught up with the pair's ledger yet";
}

std::optional<std::int64_t> SiteLease::isolated_since_unix_ms() const {
  const MutexLock lock(mutex_);
  if (!until_ || boot_time_() < *until_) return std::nullopt;
  return until_unix_ms_;
}

SeenStandings SiteLease::standings() const {
  const MutexLock lock(mutex_);
  return standings_;
}

}  // namespace twinseal::service
