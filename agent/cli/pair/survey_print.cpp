#include "agent/cli/pair/survey_print.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

// What Twinseal promises: 99.99 % of the time at least one site signs.
constexpr std::int64_t kTargetPartsPerMillion = 999'900;
constexpr std::uint64_t kUnknownLag = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t kMillion = 1'000'000;

std::string Percent(std::int64_t parts_per_million) {
  return fmt::format("{}.{:04}", parts_per_million / 10'000, parts_per_million % 10'000);
}

std::string Seconds(std::int64_t milliseconds) {
  return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
}

// "12d 3h", "3h 20m", "20m 5s", "5s": two units say enough.
std::string Span(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds >= 86'400) return fmt::format("{}d {}h", seconds / 86'400, seconds % 86'400 / 3600);
  if (seconds >= 3600) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  if (seconds >= 60) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string Availability(const v1::GetPairHealthResponse& health) {
  if (health.watched_ms() <= 0) return "not watched yet";
  const std::int64_t parts = AvailabilityPartsPerMillion(health);
  const std::int64_t down = health.watched_ms() - health.available_ms();
  const std::int64_t allowed =
      health.watched_ms() / kMillion * (kMillion - kTargetPartsPerMillion) +
      health.watched_ms() % kMillion * (kMillion - kTargetPartsPerMillion) / kMillion;
  return fmt::format("{} % of {} watched: {} without a ready site, {} allowed by {} %",
                     Percent(parts), Span(health.watched_ms()), Seconds(down), Seconds(allowed),
                     "99.99");
}

std::string LastFailover(const v1::GetPairHealthResponse& health) {
  if (health.last_failover().time_unix_ms() == 0) return "none seen";
  return fmt::format(
      "{}, leadership of the ledger from {} to {}",
      FormatUnixMs(health.last_failover().time_unix_ms()),
      health.last_failover().from().empty() ? "nobody" : health.last_failover().from(),
      health.last_failover().to());
}

std::string Ledger(const PairSummary& summary, const std::optional<AgentAnswer>& agent) {
  std::string text = fmt::format(
      "{}, {}, revision {}", summary.ledger_engine.empty() ? "unknown" : summary.ledger_engine,
      summary.ledger_leader.empty() ? "no leader known" : "leader " + summary.ledger_leader,
      summary.ledger_revision);
  if (agent && agent->health.ok() && agent->health->ledger_quota_bytes() > 0) {
    text += fmt::format(", {} of {}", FormatSize(agent->health->ledger_database_bytes()),
                        FormatSize(agent->health->ledger_quota_bytes()));
  }
  return text;
}

// The keys as the site that is least behind has them.
std::string Keys(const PairSummary& summary) {
  const SiteSummary* best = nullptr;
  for (const SiteSummary& site : summary.sites) {
    if (site.answer == nullptr || !site.answer->status.ok()) continue;
    if (best == nullptr || site.lag.value_or(kUnknownLag) < best->lag.value_or(kUnknownLag)) {
      best = &site;
    }
  }
  return best == nullptr ? "unknown" : KeysByState(*best->answer->status);
}

void PrintHead(std::ostream& out, const PairSummary& summary,
               const std::optional<AgentAnswer>& agent) {
  Fields fields;
  fields.Add("Pair", fmt::format("domain {}, epoch {}", summary.config->domain_id(),
                                 summary.config->epoch()));
  fields.Add("Service",
             fmt::format("{} of {} sites ready", summary.ready_sites, summary.sites.size()));
  fields.Add("Ledger", Ledger(summary, agent));
  fields.Add("Keys", Keys(summary));
  const std::string without_agent = !agent ? "unknown: no agent is configured (TWINSEAL_AGENT)"
                                    : agent->health.ok() ? ""
                                                         : "unknown: the agent cannot be asked: " +
                                                               agent->health.error().message();
  const bool known = without_agent.empty();
  fields.Add("Availability", known ? Availability(*agent->health) : without_agent);
  fields.Add("Last failover", known ? LastFailover(*agent->health) : "unknown");
  fields.Print(out);
}

std::string StateOf(const SiteSummary& site) {
  if (site.answer == nullptr || !site.answer->status.ok()) return "cannot be asked";
  std::string state = site.ready ? "ready" : "not ready";
  // The pair's record has it, but it is on its way in or out.
  if (!site.phase.empty() && site.phase != "paired") state += ", " + site.phase;
  if (site.isolated) state += ", isolated since " + FormatUnixMs(site.isolated_since_unix_ms);
  return state;
}

std::string LedgerRole(const std::string& name, const PairSummary& summary) {
  for (const MemberSummary& member : summary.members) {
    if (member.name != name) continue;
    return member.leader ? "leader" : member.reachable ? "follower" : "not reachable";
  }
  return "";
}

std::string HsmOf(const SiteSummary& site) {
  if (site.answer == nullptr || !site.answer->status.ok()) return "";
  const v1::GetStatusResponse& status = *site.answer->status;
  return fmt::format("{}, {}", status.hsm_model().empty() ? "unknown" : status.hsm_model(),
                     status.hsm_state());
}

void PrintPlacesTable(std::ostream& out, const PairSummary& summary,
                      const std::optional<AgentAnswer>& agent) {
  Table table({"PLACE", "ROLE", "STATE", "STANDING", "LEDGER", "LAG", "HSM"});
  for (const SiteSummary& site : summary.sites) {
    table.Add({site.name, "site", StateOf(site), site.standing, LedgerRole(site.name, summary),
               site.lag ? fmt::format("{}", *site.lag) : "", HsmOf(site)});
  }
  for (const MemberSummary& member : summary.members) {
    if (!member.witness) continue;
    const std::string state = !agent               ? "not asked"
                              : agent->health.ok() ? "ready"
                                                   : "cannot be asked";
    table.Add({member.name, "witness", state, "", LedgerRole(member.name, summary), "", ""});
  }
  table.Print(out);
}

std::string AlarmLine(const v1::Alarm& alarm) {
  return fmt::format("{}{}{} since {}: {}", alarm.name(), alarm.place().empty() ? "" : " at ",
                     alarm.place(), FormatUnixMs(alarm.since_unix_ms()), alarm.text());
}

// Why something is not as it should be: one line each, beneath the table.
void PrintReasons(std::ostream& out, const PairSummary& summary,
                  const std::vector<ApplianceAnswer>& answers,
                  const std::optional<AgentAnswer>& agent) {
  std::vector<std::string> lines;
  for (const SiteSummary& site : summary.sites) {
    if (!site.reason.empty()) lines.push_back(fmt::format("Site {}: {}", site.name, site.reason));
    if (site.answer != nullptr && site.answer->status.ok() &&
        !site.answer->status->archive().problem().empty()) {
      lines.push_back(fmt::format("Site {} cannot write to its archive: {}", site.name,
                                  site.answer->status->archive().problem()));
    }
    if (site.answer != nullptr && site.answer->status.ok() && !site.answer->pair.ok()) {
      lines.push_back(fmt::format("Site {} does not tell of the pair: {}", site.name,
                                  site.answer->pair.error().message()));
    }
  }
  for (const ApplianceAnswer& answer : answers) {
    const bool of_a_site = std::ranges::any_of(
        summary.sites, [&](const SiteSummary& site) { return site.answer == &answer; });
    if (of_a_site) continue;
    lines.push_back(fmt::format(
        "{}: {}", answer.endpoint,
        answer.status.ok()
            ? fmt::format("answers as site {}, which is not of the pair", answer.status->site())
            : answer.status.error().message()));
  }
  if (agent && agent->health.ok()) {
    for (const v1::Alarm& alarm : agent->health->alarms())
      lines.push_back("Alarm " + AlarmLine(alarm));
  }
  if (!lines.empty()) out << '\n';
  for (const std::string& line : lines) out << Printable(line) << '\n';
}

void WriteAvailability(JsonWriter& json, const std::optional<AgentAnswer>& agent) {
  json.Key("availability");
  if (!agent || !agent->health.ok()) {
    json.Null();
    return;
  }
  const v1::GetPairHealthResponse& health = *agent->health;
  json.BeginObject().Key("watchedMs").String(fmt::format("{}", health.watched_ms()));
  json.Key("availableMs").String(fmt::format("{}", health.available_ms()));
  const std::int64_t parts = AvailabilityPartsPerMillion(health);
  json.Key("percent").String(Percent(parts)).Key("targetPercent");
  json.String(Percent(kTargetPartsPerMillion));
  json.Key("targetMet").Bool(parts >= kTargetPartsPerMillion).EndObject();
}

void WriteSite(JsonWriter& json, const SiteSummary& site, const PairSummary& summary) {
  json.BeginObject().Key("name").String(site.name).Key("endpoint");
  site.endpoint.empty() ? json.Null() : json.String(site.endpoint);
  json.Key("reachable").Bool(site.answer != nullptr && site.answer->status.ok());
  json.Key("ready").Bool(site.ready).Key("reason").String(site.reason);
  json.Key("phase").String(site.phase);
  json.Key("standing").String(site.standing).Key("isolated").Bool(site.isolated);
  json.Key("isolatedSinceUnixMs").String(fmt::format("{}", site.isolated_since_unix_ms));
  json.Key("ledgerRole").String(LedgerRole(site.name, summary)).Key("lag");
  site.lag ? json.String(fmt::format("{}", *site.lag)) : json.Null();
  json.Key("hsmState")
      .String(site.answer != nullptr && site.answer->status.ok() ? site.answer->status->hsm_state()
                                                                 : "");
  json.EndObject();
}

}  // namespace

std::int64_t AvailabilityPartsPerMillion(const v1::GetPairHealthResponse& health) {
  if (health.watched_ms() <= 0) return 0;
  // What is not the whole is not said to be the whole.
  const std::int64_t available =
      std::clamp<std::int64_t>(health.available_ms(), 0, health.watched_ms());
  const double share = static_cast<double>(available) / static_cast<double>(health.watched_ms());
  const auto parts = static_cast<std::int64_t>(share * static_cast<double>(kMillion));
  return available < health.watched_ms() ? std::min(parts, kMillion - 1) : kMillion;
}

std::string KeysByState(const v1::GetStatusResponse& status) {
  std::string text;
  // In the order of a key's life, which is that of the enumeration.
  for (int state = v1::KeyState_MIN; state <= v1::KeyState_MAX; ++state) {
    if (!v1::KeyState_IsValid(state)) continue;
    const std::string name = Word(static_cast<v1::KeyState>(state));
    const auto found = status.keys_by_state().find(name);
    if (found == status.keys_by_state().end() || found->second == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, name);
  }
  return text.empty() ? "none" : text;
}

void PrintPairSummary(std::ostream& out, const PairSummary& summary,
                      const std::vector<ApplianceAnswer>& answers,
                      const std::optional<AgentAnswer>& agent) {
  PrintHead(out, summary, agent);
  out << '\n';
  PrintPlacesTable(out, summary, agent);
  PrintReasons(out, summary, answers, agent);
}

void PrintAgent(std::ostream& out, const AgentAnswer& agent) {
  Fields fields;
  fields.Add("Agent", agent.endpoint);
  if (!agent.health.ok()) {
    fields.Add("State", "cannot be asked: " + agent.health.error().message());
    fields.Print(out);
    return;
  }
  const v1::GetPairHealthResponse& health = *agent.health;
  for (const v1::PlaceHealth& place : health.places()) {
    fields.Add("Sees " + place.name(),
               fmt::format("{}{} since {}", place.ready() ? "ready" : "not ready",
                           place.reason().empty() ? "" : " (" + place.reason() + ")",
                           FormatUnixMs(place.since_unix_ms())));
  }
  fields.Add(
      "Ledger",
      fmt::format("{}, {}, revision {}", health.ledger_engine(),
                  health.ledger_leader().empty() ? "no leader" : "leader " + health.ledger_leader(),
                  health.ledger_revision()));
  fields.Add("Availability", Availability(health));
  fields.Add("Last failover", LastFailover(health));
  for (const v1::Alarm& alarm : health.alarms()) fields.Add("Alarm", AlarmLine(alarm));
  fields.Print(out);
}

void WriteAgent(JsonWriter& json, const std::optional<AgentAnswer>& agent) {
  json.Key("agent");
  if (!agent) {
    json.Null();
  } else {
    json.BeginObject().Key("endpoint").String(agent->endpoint).Key("error");
    agent->health.ok() ? json.Null() : json.String(agent->health.error().message());
    json.Key("health");
    agent->health.ok() ? json.Message(*agent->health) : json.Null();
    json.EndObject();
  }
}

void WritePairSummary(JsonWriter& json, const PairSummary& summary,
                      const std::optional<AgentAnswer>& agent) {
  WriteAgent(json, agent);
  json.Key("pair").BeginObject().Key("domainId").String(summary.config->domain_id());
  json.Key("epoch").String(fmt::format("{}", summary.config->epoch()));
  json.Key("readySites").Number(static_cast<std::int64_t>(summary.ready_sites));
  json.Key("ledgerEngine").String(summary.ledger_engine);
  json.Key("ledgerLeader").String(summary.ledger_leader);
  json.Key("ledgerRevision").String(fmt::format("{}", summary.ledger_revision));
  json.Key("sites").BeginArray();
  for (const SiteSummary& site : summary.sites) WriteSite(json, site, summary);
  json.EndArray();
  WriteAvailability(json, agent);
  json.EndObject();
}

}  // namespace twinseal::cli
