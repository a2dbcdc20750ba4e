// How a pair is: what every endpoint and the agent answer, put together by site.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/cli/remote.h"
#include "common/base/result.h"
#include "twinseal/v1/agent.pb.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {

// What one endpoint of the configuration answered.
struct ApplianceAnswer {
  std::string endpoint;
  Result<v1::GetStatusResponse> status;
  Result<v1::GetPairResponse> pair;  // Not asked when the status could not be had.
};

struct AgentAnswer {
  std::string endpoint;
  Result<v1::GetPairHealthResponse> health;
};

// One site of the pair, as far as anybody could tell.
struct SiteSummary {
  std::string name;
  const ApplianceAnswer* answer = nullptr;  // Null: no endpoint answers as this site.
  std::string endpoint;                     // Empty when none of the configuration is its.
  std::string phase;                        // As the site itself says; empty when it does not.
  std::string standing;                     // As the ledger has it; empty when nobody could tell.
  std::string reason;  // Why it is not ready, or not to be asked; empty when it is ready.
  bool ready = false;
  bool isolated = false;
  std::int64_t isolated_since_unix_ms = 0;
  std::optional<std::uint64_t> lag;  // In revisions, behind the newest that anybody knows of.
};

// One member of the ledger, as itself or else another sees it.
struct MemberSummary {
  std::string name;
  bool witness = false;
  bool reachable = false;
  bool leader = false;
};

struct PairSummary {
  const v1::PairConfig* config = nullptr;  // The newest.
  std::vector<SiteSummary> sites;
  std::vector<MemberSummary> members;
  std::size_t ready_sites = 0;
  std::string ledger_engine;
  std::string ledger_leader;  // Empty: none is known.
  std::uint64_t ledger_revision = 0;
};

// Asks each endpoint once.
std::vector<ApplianceAnswer> AskAppliances(Remote& remote);

// Nothing when no site that answered belongs to a pair. It points into `answers` and `agent`.
std::optional<PairSummary> Summarize(const std::vector<ApplianceAnswer>& answers,
                                     const std::optional<AgentAnswer>& agent);

// The agent's endpoint as the pair knows it; empty when no site answered with a pair.
std::string AgentEndpointOf(const std::vector<ApplianceAnswer>& answers);

}  // namespace twinseal::cli
