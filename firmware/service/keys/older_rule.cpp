#include "firmware/service/keys/older_rule.h"

#include <algorithm>

#include "firmware/policy/key_policy.h"

namespace twinseal::service {
namespace {

using Sites = google::protobuf::RepeatedPtrField<std::string>;

// None named: every site.
bool Names(const Sites& sites, const std::string& site) {
  return sites.empty() || std::ranges::find(sites, site) != sites.end();
}

v1::OlderRule RuleOf(const v1::KeyPolicy& policy) {
  v1::OlderRule rule;
  *rule.mutable_sites() = policy.sites();
  rule.set_isolation_seconds(static_cast<std::uint32_t>(policy::IsolationTime(policy).count()));
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
  const v1::OlderRule was = RuleOf(before.policy());
  if (was.SerializeAsString() == RuleOf(after.policy()).SerializeAsString()) return;
  *after.mutable_older_rule() = after.has_older_rule() ? Laxer(after.older_rule(), was) : was;
}

SiteRule RuleAt(const v1::Key& key, const std::string& site, bool knows) {
  SiteRule rule;
  if (Names(key.policy().sites(), site)) rule = {true, policy::IsolationTime(key.policy())};
  if (knows || !key.has_older_rule() || !Names(key.older_rule().sites(), site)) return rule;
  return {true,
          std::max(rule.isolation, std::chrono::seconds(key.older_rule().isolation_seconds()))};
}

}  // namespace twinseal::service
