#include "common/policy/in_force.h"

#include <algorithm>

namespace twinseal::policy {
namespace {

// `rule` is a KeyPolicy or a SitePolicy.
template <typename Rule>
std::chrono::seconds IsolationTime(const Rule& rule) {
  if (rule.isolation() == v1::STOP) return std::chrono::seconds(0);
  return std::chrono::seconds(rule.isolation_seconds() == 0 ? kDefaultIsolationSeconds
                                                            : rule.isolation_seconds());
}

}  // namespace

bool InForce::Allows(v1::Scheme scheme) const {
  return schemes.empty() || std::ranges::find(schemes, scheme) != schemes.end();
}

InForce InForceElsewhere(const v1::KeyPolicy& policy) {
  return {policy.applications(), policy.schemes(),
          std::max<std::uint32_t>(1, policy.max_signatures_per_activation()),
          IsolationTime(policy)};
}

InForce InForceAt(const v1::KeyPolicy& policy, std::string_view site) {
  const InForce common = InForceElsewhere(policy);
  for (const v1::SitePolicy& own : policy.at_sites()) {
    if (own.site() != site) continue;
    const std::uint32_t signatures = own.max_signatures_per_activation();
    return {
        own.has_applications() ? own.applications().names() : common.applications,
        own.has_schemes() ? own.schemes().schemes() : common.schemes,
        signatures != 0 ? signatures : common.signatures_per_activation,
        own.isolation() != v1::ISOLATION_UNSPECIFIED ? IsolationTime(own) : common.isolation_time};
  }
  return common;
}

}  // namespace twinseal::policy
