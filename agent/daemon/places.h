// The places of a pair, as its record has them.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "twinseal/v1/pair.pb.h"

namespace twinseal::agent {

// Null when there is none of that name. It lives as long as `config`.
const v1::Place* FindPlace(const v1::PairConfig& config, std::string_view name);
// Without witnesses.
std::vector<v1::Place> SitesOf(const v1::PairConfig& config);
// Whether `newer` is a later record of the same pair.
bool Succeeds(const v1::PairConfig& newer, const v1::PairConfig& older);

}  // namespace twinseal::agent
