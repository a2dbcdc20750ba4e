#include "firmware/service/keys/older_rule.h"

#include <algorithm>

#include "common/policy/in_force.h"

namespace twinseal::service {
namespace {

using Sites = google::protobuf::RepeatedPtrField<std::string>;

// None named: every site.
bool Names(const Sites& sites, const std::string& site) {
  return sites.empty() || std::ranges::find(sites, site) != sites.end();
}

// Whether every site may do by the one what it may by the other.
bool SameRule(const v1::KeyPolicy& one, const v1::KeyPolicy& other) {
  if (!std::ranges::equal(one.sites(), other.sites()) ||
      policy::InForceElsewhere(one).isolation_time !=
          policy::InForceElsewhere(other).isolation_time) {
    return false;
  }
  const auto same_there = [&](const v1::SitePolicy& own) {
    return policy::InForceAt(one, own.site()).isolation_time ==
           policy::InForceAt(other, own.site()).isolation_time;
  };
  return std::ranges::all_of(one.at_sites(), same_there) &&
         std::ranges::all_of(other.at_sites(), same_there);
}

v1::OlderRule RuleOf(const v1::KeyPolicy& policy) {
  v1::OlderRule rule;
  *rule.mutable_sites() = policy.sites();
  std::chrono::seconds longest = policy::InForceElsewhere(policy).isolation_time;
  for (const v1::SitePolicy& own : policy.at_sites()) {
    longest = std::max(longest, policy::InForceAt(policy, own.site()).isolation_time);
  }
  rule.set_isolation_seconds(static_cast<std::uint32_t>(longest.count()));
  return rule;
}

// What either allows.
v1::OlderRule Laxer(v1::OlderRule rule, const v1::OlderRule& other) {
  if (other.sites().empty()) rule.clear_sites();
  for (const std::string& site : other.sites()) {
    if (!Names(rule.sites(), site)) rule.add_sites(site);
  }
  rule.set_isolation_seconds(std::max(rule.isolation_seconds(), other.isolation_seconds()));
  return rule;
}

}  // namespace

void KeepOlderRule(const v1::Key& before, bool all_know_before, v1::Key& after) {
  after.clear_older_rule();
  if (before.has_older_rule() && !all_know_before)
    *after.mutable_older_rule() = before.older_rule();
  if (SameRule(before.policy(), after.policy())) return;
  const v1::OlderRule was = RuleOf(before.policy());
  *after.mutable_older_rule() = after.has_older_rule() ? Laxer(after.older_rule(), was) : was;
}

SiteRule RuleAt(const v1::Key& key, const std::string& site, bool knows) {
  SiteRule rule;
  if (Names(key.policy().sites(), site)) {
    rule = {true, policy::InForceAt(key.policy(), site).isolation_time};
  }
  if (knows || !key.has_older_rule() || !Names(key.older_rule().sites(), site)) return rule;
  return {true,
          std::max(rule.isolation, std::chrono::seconds(key.older_rule().isolation_seconds()))};
}

}  // namespace twinseal::service
