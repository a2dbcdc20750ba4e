#include "agent/cli/pair/survey.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "agent/cli/pair/endpoints.h"

namespace twinseal::cli {
namespace {

const v1::PairConfig* NewestConfig(const std::vector<ApplianceAnswer>& answers) {
  const v1::PairConfig* newest = nullptr;
  for (const ApplianceAnswer& answer : answers) {
    if (!answer.pair.ok() || answer.pair->config().places().empty()) continue;
    const v1::PairConfig& config = answer.pair->config();
    if (newest == nullptr || config.epoch() > newest->epoch()) newest = &config;
  }
  return newest;
}

// The endpoint that answers as this site, or that the pair knows as its.
const ApplianceAnswer* AnswerOf(const v1::Place& place,
                                const std::vector<ApplianceAnswer>& answers) {
  for (const ApplianceAnswer& answer : answers) {
    if (answer.status.ok() && answer.status->site() == place.name()) return &answer;
  }
  for (const ApplianceAnswer& answer : answers) {
    if (!answer.status.ok() && answer.endpoint == place.api()) return &answer;
  }
  return nullptr;
}

// A configuration may reach a site by another address than the pair knows it by. When one site is
// missing and one endpoint is silent, they are the same.
const ApplianceAnswer* OnlySilent(const v1::PairConfig& config,
                                  const std::vector<ApplianceAnswer>& answers) {
  const auto missing = std::ranges::count_if(config.places(), [&](const v1::Place& place) {
    return !place.witness() && AnswerOf(place, answers) == nullptr;
  });
  const auto known = [&](const ApplianceAnswer& answer) {
    return answer.status.ok() || std::ranges::any_of(config.places(), [&](const v1::Place& place) {
             return place.api() == answer.endpoint;
           });
  };
  const auto silent = std::ranges::find_if_not(answers, known);
  const bool only = missing == 1 && std::ranges::count_if(answers, std::not_fn(known)) == 1;
  return only ? &*silent : nullptr;
}

// What the sites that answer say of another: an isolated one knows least.
const v1::SiteView* ViewOf(const std::string& site, const std::vector<ApplianceAnswer>& answers) {
  const v1::SiteView* view = nullptr;
  bool from_isolated = true;
  for (const ApplianceAnswer& answer : answers) {
    if (!answer.pair.ok()) continue;
    for (const v1::SiteView& one : answer.pair->sites()) {
      if (one.name() != site || (view != nullptr && !from_isolated)) continue;
      view = &one;
      from_isolated = answer.pair->isolated();
    }
  }
  return view;
}

std::uint64_t NewestRevision(const std::vector<ApplianceAnswer>& answers,
                             const std::optional<AgentAnswer>& agent) {
  std::uint64_t newest = agent && agent->health.ok() ? agent->health->ledger_revision() : 0;
  for (const ApplianceAnswer& answer : answers) {
    if (!answer.pair.ok()) continue;
    newest = std::max({newest, answer.pair->ledger_revision(), answer.pair->applied_revision()});
  }
  return newest;
}

SiteSummary SummarizeSite(const v1::Place& place, const v1::PairConfig& config,
                          const std::vector<ApplianceAnswer>& answers, std::uint64_t newest) {
  SiteSummary site;
  site.name = place.name();
  site.answer = AnswerOf(place, answers);
  if (site.answer == nullptr) site.answer = OnlySilent(config, answers);
  if (site.answer != nullptr) site.endpoint = site.answer->endpoint;
  if (const v1::SiteView* const view = ViewOf(place.name(), answers)) {
    site.standing = view->standing();
    if (site.answer == nullptr) {
      site.reason = view->reachable() ? "no endpoint of the configuration is its"
                                      : "the other sites cannot reach it: " + view->reason();
    }
  }
  if (site.answer == nullptr) {
    if (site.reason.empty()) site.reason = "no endpoint of the configuration is its";
    return site;
  }
  if (!site.answer->status.ok()) {
    site.reason = site.answer->status.error().message();
    return site;
  }
  const v1::GetStatusResponse& status = *site.answer->status;
  site.ready = status.ready();
  if (!status.ready()) site.reason = status.reason().empty() ? "not ready" : status.reason();
  if (!site.answer->pair.ok()) return site;
  const v1::GetPairResponse& pair = *site.answer->pair;
  site.phase = pair.phase();
  site.isolated = pair.isolated();
  site.isolated_since_unix_ms = pair.isolated_since_unix_ms();
  // 0: it has not followed the ledger yet, or does not tell.
  if (pair.applied_revision() > 0) site.lag = newest - std::min(newest, pair.applied_revision());
  return site;
}

// Each member's own place knows best how it is; an isolated one does not know who leads.
MemberSummary SummarizeMember(const v1::Place& place, const std::vector<ApplianceAnswer>& answers,
                              const std::optional<AgentAnswer>& agent) {
  MemberSummary member{place.name(), place.witness()};
  int best = -1;
  for (const ApplianceAnswer& answer : answers) {
    if (!answer.pair.ok()) continue;
    const int rank = (answer.pair->isolated() ? 0 : 2) + (answer.pair->site() == place.name());
    for (const v1::MemberView& view : answer.pair->members()) {
      if (view.name() != place.name() || rank <= best) continue;
      best = rank;
      member.reachable = view.reachable();
      member.leader = view.leader();
    }
  }
  if (place.witness() && agent && agent->health.ok()) {
    member.reachable = agent->health->ledger_revision() > 0;
  }
  return member;
}

void SummarizeLedger(const std::vector<ApplianceAnswer>& answers,
                     const std::optional<AgentAnswer>& agent, PairSummary& summary) {
  summary.ledger_revision = NewestRevision(answers, agent);
  for (const MemberSummary& member : summary.members) {
    if (member.leader) summary.ledger_leader = member.name;
  }
  for (const ApplianceAnswer& answer : answers) {
    if (summary.ledger_engine.empty() && answer.status.ok()) {
      summary.ledger_engine = answer.status->ledger_engine();
    }
  }
  if (!agent || !agent->health.ok()) return;
  if (summary.ledger_leader.empty()) summary.ledger_leader = agent->health->ledger_leader();
  if (summary.ledger_engine.empty()) summary.ledger_engine = agent->health->ledger_engine();
}

}  // namespace

std::vector<ApplianceAnswer> AskAppliances(Remote& remote) {
  std::vector<ApplianceAnswer> answers;
  for (std::size_t i = 0; i < remote.endpoints().size(); ++i) {
    Result<v1::GetStatusResponse> status = GetStatus(remote, i);
    Result<v1::GetPairResponse> pair = status.ok() ? GetPair(remote, i) : status.error();
    answers.push_back({remote.endpoints()[i], std::move(status), std::move(pair)});
  }
  return answers;
}

std::optional<PairSummary> Summarize(const std::vector<ApplianceAnswer>& answers,
                                     const std::optional<AgentAnswer>& agent) {
  const v1::PairConfig* const config = NewestConfig(answers);
  if (config == nullptr) return std::nullopt;
  PairSummary summary;
  summary.config = config;
  const std::uint64_t newest = NewestRevision(answers, agent);
  for (const v1::Place& place : config->places()) {
    summary.members.push_back(SummarizeMember(place, answers, agent));
    if (place.witness()) continue;
    summary.sites.push_back(SummarizeSite(place, *config, answers, newest));
    if (summary.sites.back().ready) ++summary.ready_sites;
  }
  SummarizeLedger(answers, agent, summary);
  return summary;
}

std::string AgentEndpointOf(const std::vector<ApplianceAnswer>& answers) {
  const v1::PairConfig* const config = NewestConfig(answers);
  if (config == nullptr) return "";
  const auto witness = std::ranges::find_if(config->places(),
                                            [](const v1::Place& place) { return place.witness(); });
  return witness == config->places().end() ? "" : witness->api();
}

}  // namespace twinseal::cli
