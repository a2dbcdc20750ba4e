// Where the ledger has what is the pair's own; common/proto/twinseal/v1/pair_store.proto says what
// it holds.
#pragma once

#include <string>
#include <string_view>

namespace twinseal::service {

// All of it: an appliance that is alone has none.
inline constexpr std::string_view kPairPrefix = "/pair/";
// A PairConfig: the pair as it is. Its first commit is the moment from which the pair's ledger is
// the one that counts.
inline constexpr std::string_view kConfigPath = "/pair/config";
// Touched by every change of a key and by nothing else: a site's view is level with the ledger when
// it has heard of a key's change in the commit that touched it last.
inline constexpr std::string_view kChangedPath = "/pair/changed";
// The name of the site that has taken the ledger with it: nothing changes any more.
inline constexpr std::string_view kLeftPath = "/pair/left";
// A SiteStanding each.
inline constexpr std::string_view kStandingPrefix = "/pair/standing/";
// A SiteMark each.
inline constexpr std::string_view kMarkPrefix = "/pair/mark/";

inline std::string MarkPath(std::string_view site) {
  return std::string(kMarkPrefix) + std::string(site);
}

inline std::string StandingPath(std::string_view site) {
  return std::string(kStandingPrefix) + std::string(site);
}

}  // namespace twinseal::service
