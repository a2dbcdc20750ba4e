// The places of a pair, as its record has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/service/runtime/options.h"
#include "twinseal/v1/pair.pb.h"

namespace twinseal::service {

// Null when there is none of that name. It lives as long as `config`.
const v1::Place* FindPlace(const v1::PairConfig& config, std::string_view name);
// The names of all but the witness.
std::vector<std::string> SitesOf(const v1::PairConfig& config);
// Whether the pair's record shuts the appliance of this identity out: another one took its place.
bool IsFenced(const v1::PairConfig& config, const v1::Place& place);
// What such an appliance says of itself, to everybody.
inline constexpr std::string_view kFencedReason =
    "another appliance has taken this one's place in the pair (`twinseal pair replace`): it is "
    "fenced and never serves again. To use the machine anew, wipe it and set it up from the "
    "beginning";
// This appliance's, as it is configured, without its identity.
v1::Place PlaceOf(const Options& options);
// What its certificates name: the hosts of its addresses, and loopback, where its own programs
// call it.
std::vector<std::string> AddressesOf(const v1::Place& place);

}  // namespace twinseal::service
