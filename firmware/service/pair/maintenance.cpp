#include "firmware/service/pair/maintenance.h"

#include <spdlog/spdlog.h>

namespace twinseal::service {

using std::chrono::steady_clock;

bool Maintenance::Is(v1::SiteStanding::Standing standing) const {
  return StandingIn(lease_.standings(), site_.text()) == standing;
}

Status Maintenance::CheckOthers() const {
  const SeenStandings standings = lease_.standings();
  for (const auto& [site, contact] : barrier_.contacts()) {
    const bool active = StandingIn(standings, site) == v1::SiteStanding::ACTIVE;
    if (active && contact.reachable) return Ok();
  }
  return Error(Code::kFailedPrecondition,
               "no other site of the pair is in service; without this one nobody would sign. "
               "`twinseal status` shows how they are");
}

Status Maintenance::Write(v1::SiteStanding::Standing standing, Deadline deadline) {
  const std::string path = StandingPath(site_.text());
  while (!Is(standing)) {
    if (steady_clock::now() >= deadline) {
      return Error(Code::kDeadlineExceeded, "the pair's ledger did not take it in time; try again");
    }
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> before, ledger_.Get(path));
    v1::SiteStanding own;
    if (before) {
      own.ParseFromArray(before->value.data(), static_cast<int>(before->value.size()));
    }
    if (own.standing() != standing) {
      own.set_standing(standing);
      own.set_since_unix_ms(clock_());
      const auto commit = [&](ledger::Write write) {
        return ledger_.Commit({{ledger::AsRead(path, before)}, {std::move(write)}});
      };
      Result<ledger::Outcome> outcome = commit(ledger::Put{path, ToBytes(own.SerializeAsString())});
      // A ledger that is full still takes a removal, and a site without a record is active. A
      // record is better: one that was asked for earlier, and is late, does not take its place.
      const bool full = !outcome.ok() && outcome.error().code() == Code::kResourceExhausted;
      if (full && standing == v1::SiteStanding::ACTIVE) outcome = commit(ledger::Remove{path});
      if (!outcome.ok()) return outcome.error();
    }
    lease_.AwaitLook(deadline);
  }
  return Ok();
}

Status Maintenance::Start(Deadline deadline) {
  // What was known before may be nothing yet.
  lease_.AwaitLook(deadline);
  if (!Is(v1::SiteStanding::MAINTENANCE)) TWINSEAL_RETURN_IF_ERROR(CheckOthers());
  TWINSEAL_RETURN_IF_ERROR(Write(v1::SiteStanding::MAINTENANCE, deadline));
  const std::map<std::string, OtherSite::Contact> others = barrier_.contacts();
  const Status led_elsewhere =
      membership_.HandOn([&](const std::string& place) { return others.contains(place); });
  spdlog::info("site {} is in maintenance", site_.text());
  return led_elsewhere;
}

Status Maintenance::Finish(Deadline deadline) {
  lease_.AwaitLook(deadline);
  TWINSEAL_RETURN_IF_ERROR(Write(v1::SiteStanding::ACTIVE, deadline));
  while (!lease_.held()) {
    if (steady_clock::now() >= deadline) {
      return Error(Code::kDeadlineExceeded,
                   "the site has not caught up with the pair's ledger in time; it goes on");
    }
    lease_.AwaitLook(deadline);
  }
  spdlog::info("site {} is back in service", site_.text());
  return Ok();
}

}  // namespace twinseal::service
