// A pair at a glance, on one screen.
#pragma once

#include <optional>
#include <ostream>
#include <vector>

#include "agent/cli/json.h"
#include "agent/cli/pair/survey.h"

namespace twinseal::cli {

void PrintPairSummary(std::ostream& out, const PairSummary& summary,
                      const std::vector<ApplianceAnswer>& answers,
                      const std::optional<AgentAnswer>& agent);

// What the agent sees, where no site tells of the pair.
void PrintAgent(std::ostream& out, const AgentAnswer& agent);

// The member "agent" of the JSON object that is open.
void WriteAgent(JsonWriter& json, const std::optional<AgentAnswer>& agent);
// The members "agent" and "pair".
void WritePairSummary(JsonWriter& json, const PairSummary& summary,
                      const std::optional<AgentAnswer>& agent);

// "3 enabled, 1 disabled"; "none".
std::string KeysByState(const v1::GetStatusResponse& status);

// Of the time watched, in units of a ten-thousandth of a percent, rounded down: 999,900 is 99.99 %.
// 0 when nothing was watched.
std::int64_t AvailabilityPartsPerMillion(const v1::GetPairHealthResponse& health);

}  // namespace twinseal::cli
