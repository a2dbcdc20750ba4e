// What a site may act by that has not heard of a key's newest policy.
//
// A site that cannot be reached acts by the policy that it last saw, and who changes the key later
// sees only the newest one. So the record of a key keeps the laxest of what came before it, until
// every site is known to have the record.
#pragma once

#include <chrono>
#include <string>

#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// Puts into `after`, which takes the place of `before`, what those may act by who do not hear of
// it. `all_know_before`: every other site has said that it has `before`.
void KeepOlderRule(const v1::Key& before, bool all_know_before, v1::Key& after);

struct SiteRule {
  bool holds = false;  // Whether the site may have the key at all.
  std::chrono::seconds isolation{0};
};

// By what the site may act that had `key` to go by; `knows` when it has said that it has this very
// record.
SiteRule RuleAt(const v1::Key& key, const std::string& site, bool knows);

}  // namespace twinseal::service
