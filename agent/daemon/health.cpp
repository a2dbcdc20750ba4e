#include "agent/daemon/health.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace twinseal::agent {
namespace {

class MetricsWriter {
 public:
  void Head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }
  // Labels are names of places and alarms: letters, digits and '-'.
  void Line(std::string_view name, std::string_view labels, double value) {
    fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name, labels, value);
  }
  void One(std::string_view name, std::string_view type, std::string_view help, double value) {
    Head(name, type, help);
    Line(name, "", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string SiteLabel(const v1::PlaceHealth& site) {
  return fmt::format("{{site=\"{}\"}}", site.name());
}

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;

void AddSites(const v1::GetPairHealthResponse& health, const std::string& own,
              MetricsWriter& metrics) {
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    metrics.Head(name, "gauge", help);
    for (const v1::PlaceHealth& place : health.places()) {
      if (place.name() != own) metrics.Line(name, SiteLabel(place), value(place));
    }
  };
  each("twinseal_agent_site_reachable", "1 while the site answers the agent.",
       [](const v1::PlaceHealth& site) { return site.reachable() ? 1.0 : 0.0; });
  each("twinseal_agent_site_ready", "1 while the site says that it serves.",
       [](const v1::PlaceHealth& site) { return site.ready() ? 1.0 : 0.0; });
  each("twinseal_agent_site_round_trip_seconds", "From the agent to the site and back.",
       [](const v1::PlaceHealth& site) { return site.round_trip_us() * kMicro; });
}

}  // namespace

void Health::Use(std::shared_ptr<const Witness> witness, std::string waits_for) {
  const MutexLock lock(mutex_);
  witness_ = std::move(witness);
  waits_for_ = std::move(waits_for);
}

std::shared_ptr<const Witness> Health::witness() const {
  const MutexLock lock(mutex_);
  return witness_;
}

Status Health::Ready() const {
  std::shared_ptr<const Witness> witness;
  {
    const MutexLock lock(mutex_);
    if (!waits_for_.empty()) return Error(Code::kUnavailable, waits_for_);
    witness = witness_;
  }
  const LedgerSight sight = witness->ledger();
  if (sight.serving) return Ok();
  return Error(Code::kUnavailable, sight.reason);
}

v1::PlaceHealth Health::OwnHealth() const {
  v1::PlaceHealth own;
  own.set_name(name_);
  own.set_reachable(true);
  const Status ready = Ready();
  own.set_ready(ready.ok());
  if (!ready.ok()) own.set_reason(ready.error().message());
  return own;
}

v1::GetPairHealthResponse Health::Describe() const {
  v1::GetPairHealthResponse health;
  health.set_agent(name_);
  health.set_version(version_);
  for (v1::Alarm& alarm : alarms_.All()) *health.add_alarms() = std::move(alarm);
  const std::shared_ptr<const Witness> witness = this->witness();
  if (witness != nullptr) {
    const LedgerSight ledger = witness->ledger();
    health.set_ledger_engine(ledger.engine);
    health.set_ledger_leader(ledger.leader);
    health.set_ledger_revision(ledger.revision);
    health.set_ledger_database_bytes(ledger.database_bytes);
    health.set_ledger_quota_bytes(witness->quota_bytes());
    if (ledger.last_failover) *health.mutable_last_failover() = *ledger.last_failover;
    for (v1::PlaceHealth& place : witness->sites().Health())
      *health.add_places() = std::move(place);
    const Availability availability = witness->sites().availability();
    health.set_watched_ms(availability.watched_ms());
    health.set_available_ms(availability.available_ms());
  }
  *health.add_places() = OwnHealth();
  return health;
}

std::string Health::Metrics() const {
  const v1::GetPairHealthResponse health = Describe();
  const std::shared_ptr<const Witness> witness = this->witness();
  MetricsWriter metrics;
  metrics.One("twinseal_agent_paired", "gauge", "1 while the agent belongs to a pair.",
              witness == nullptr ? 0 : 1);
  AddSites(health, name_, metrics);
  metrics.Head("twinseal_agent_alarm", "gauge", "1 for each alarm that lasts.");
  for (const v1::Alarm& alarm : health.alarms()) {
    metrics.Line("twinseal_agent_alarm",
                 fmt::format("{{name=\"{}\",place=\"{}\"}}", alarm.name(), alarm.place()), 1);
  }
  metrics.One("twinseal_agent_watched_seconds_total", "counter",
              "For how long the agent has watched the sites.",
              static_cast<double>(health.watched_ms()) * kMilli);
  metrics.One("twinseal_agent_available_seconds_total", "counter",
              "For how long of that at least one site was ready.",
              static_cast<double>(health.available_ms()) * kMilli);
  metrics.One("twinseal_ledger_has_leader", "gauge", "1 while the witness sees a leader.",
              health.ledger_leader().empty() ? 0 : 1);
  metrics.One("twinseal_ledger_revision", "gauge", "The ledger's newest revision.",
              static_cast<double>(health.ledger_revision()));
  metrics.One("twinseal_ledger_database_bytes", "gauge", "Of the witness's member.",
              static_cast<double>(health.ledger_database_bytes()));
  metrics.One("twinseal_ledger_quota_bytes", "gauge", "Where changes are refused.",
              static_cast<double>(health.ledger_quota_bytes()));
  metrics.One("twinseal_ledger_member_restarts_total", "counter",
              "Times that the witness's member was started again.",
              witness == nullptr ? 0 : static_cast<double>(witness->member_restarts()));
  return metrics.Take();
}

}  // namespace twinseal::agent
