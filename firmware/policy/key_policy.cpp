#include "firmware/policy/key_policy.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"

namespace twinseal::policy {
namespace {

Error Bad(std::string_view field, std::string_view rule) {
  return Error(Code::kInvalidArgument, fmt::format("{}: {}", field, rule));
}

// Each entry well-formed, none twice; sorted.
template <typename Name>
Status CheckNames(std::string_view field, std::size_t limit,
                  google::protobuf::RepeatedPtrField<std::string>* names) {
  if (static_cast<std::size_t>(names->size()) > limit) {
    return Bad(field, fmt::format("it has at most {} entries, not {}", limit, names->size()));
  }
  for (int i = 0; i < names->size(); ++i) {
    const auto parsed = Name::Parse(names->Get(i));
    if (!parsed.ok()) return Bad(fmt::format("{}[{}]", field, i), parsed.error().message());
  }
  std::sort(names->begin(), names->end());
  if (const auto twice = std::adjacent_find(names->begin(), names->end()); twice != names->end()) {
    return Bad(field, fmt::format("{} is named twice", *twice));
  }
  return Ok();
}

Status CheckSchemes(std::string_view field, const crypto::AlgorithmInfo& algorithm,
                    google::protobuf::RepeatedField<int>* schemes) {
  for (int i = 0; i < schemes->size(); ++i) {
    const crypto::SchemeInfo* scheme = crypto::Find(static_cast<v1::Scheme>(schemes->Get(i)));
    if (scheme == nullptr) return Bad(fmt::format("{}[{}]", field, i), "there is no such scheme");
    if (!crypto::Fits(*scheme, algorithm)) {
      return Bad(fmt::format("{}[{}]", field, i),
                 fmt::format("{} does not fit a key of {}", scheme->name, algorithm.name));
    }
  }
  std::sort(schemes->begin(), schemes->end());
  if (const auto twice = std::adjacent_find(schemes->begin(), schemes->end());
      twice != schemes->end()) {
    return Bad(field,
               fmt::format("{} is named twice", crypto::Name(static_cast<v1::Scheme>(*twice))));
  }
  return Ok();
}

// What a policy and its entries for sites say alike; `in` is "policy" or the entry's name.
template <typename Rule>
Status CheckNumbers(std::string_view in, const Rule& rule) {
  if (rule.max_signatures_per_activation() > kMaxSignaturesPerActivation) {
    return Bad(fmt::format("{}.max_signatures_per_activation", in),
               fmt::format("it is at most {}, not {}", kMaxSignaturesPerActivation,
                           rule.max_signatures_per_activation()));
  }
  if (!v1::Isolation_IsValid(rule.isolation())) {
    return Bad(fmt::format("{}.isolation", in), "it is one of STOP and CONTINUE");
  }
  const std::string seconds = fmt::format("{}.isolation_seconds", in);
  if (rule.isolation() == v1::STOP && rule.isolation_seconds() != 0) {
    return Bad(seconds, "a key whose isolation is STOP has none");
  }
  if (rule.isolation_seconds() > kMaxIsolationSeconds) {
    return Bad(seconds, fmt::format("it is at most {}, not {}", kMaxIsolationSeconds,
                                    rule.isolation_seconds()));
  }
  return Ok();
}

Status CheckAtSite(const std::string& in, const v1::KeyPolicy& policy,
                   const crypto::AlgorithmInfo& algorithm, v1::SitePolicy& own) {
  const Result<SiteName> site = SiteName::Parse(own.site());
  if (!site.ok()) return Bad(in + ".site", site.error().message());
  if (!AllowsSite(policy, *site)) {
    return Bad(
        in + ".site",
        fmt::format("policy.sites does not name {}, so the key is not there; leave its entry out",
                    own.site()));
  }
  if (!own.has_applications() && !own.has_schemes() && own.max_signatures_per_activation() == 0 &&
      own.isolation() == v1::ISOLATION_UNSPECIFIED && own.isolation_seconds() == 0) {
    return Bad(in, fmt::format("it says nothing of site {}; leave it out", own.site()));
  }
  if (own.has_applications()) {
    TWINSEAL_RETURN_IF_ERROR(CheckNames<KeyName>(in + ".applications.names", kMaxApplications,
                                                 own.mutable_applications()->mutable_names()));
  }
  if (own.has_schemes()) {
    TWINSEAL_RETURN_IF_ERROR(
        CheckSchemes(in + ".schemes.schemes", algorithm, own.mutable_schemes()->mutable_schemes()));
  }
  TWINSEAL_RETURN_IF_ERROR(CheckNumbers(in, own));
  if (own.isolation() != v1::CONTINUE && own.isolation_seconds() != 0) {
    return Bad(in + ".isolation_seconds",
               "it goes with isolation CONTINUE, which is not set there");
  }
  return Ok();
}

// `policy.sites` was looked at already.
Status CheckAtSites(const crypto::AlgorithmInfo& algorithm, v1::Storage storage,
                    v1::KeyPolicy& policy) {
  constexpr std::string_view kField = "policy.at_sites";
  auto& all = *policy.mutable_at_sites();
  if (all.empty()) return Ok();
  if (storage == v1::TOKEN) {
    return Bad(kField, "a token-resident key is at one site only; say it in the policy itself");
  }
  if (static_cast<std::size_t>(all.size()) > kMaxSites) {
    return Bad(kField, fmt::format("it has at most {} entries, not {}", kMaxSites, all.size()));
  }
  std::size_t applications = 0;
  for (int i = 0; i < all.size(); ++i) {
    TWINSEAL_RETURN_IF_ERROR(
        CheckAtSite(fmt::format("{}[{}]", kField, i), policy, algorithm, *all.Mutable(i)));
    applications += static_cast<std::size_t>(all.Get(i).applications().names_size());
  }
  if (applications > kMaxApplicationsAtSites) {
    return Bad(kField, fmt::format("its entries name at most {} applications together, not {}",
                                   kMaxApplicationsAtSites, applications));
  }
  std::sort(all.begin(), all.end(), [](const v1::SitePolicy& one, const v1::SitePolicy& other) {
    return one.site() < other.site();
  });
  const auto twice = std::adjacent_find(all.begin(), all.end(),
                                        [](const v1::SitePolicy& one, const v1::SitePolicy& other) {
                                          return one.site() == other.site();
                                        });
  if (twice != all.end()) {
    return Bad(kField, fmt::format("{} is named twice", twice->site()));
  }
  return Ok();
}

}  // namespace

Result<KeyName> NewKeyName(std::string_view text) {
  Result<KeyName> name = KeyName::Parse(text);
  if (!name.ok()) return Bad("name", name.error().message());
  if (name->reserved()) {
    return Error(
        Code::kPermissionDenied,
        fmt::format(
            "the name {} cannot be given to a key: names that begin with \"{}\" belong to the "
            "appliance",
            name->text(), KeyName::kReservedPrefix));
  }
  return name;
}

Result<v1::KeyPolicy> ValidatePolicy(const v1::KeyPolicy& policy, v1::Algorithm algorithm,
                                     v1::Storage storage) {
  const crypto::AlgorithmInfo* info = crypto::Find(algorithm);
  if (info == nullptr) return Bad("algorithm", "there is no such algorithm");

  v1::KeyPolicy checked = policy;
  TWINSEAL_RETURN_IF_ERROR(
      CheckNames<KeyName>("policy.applications", kMaxApplications, checked.mutable_applications()));
  TWINSEAL_RETURN_IF_ERROR(
      CheckNames<SiteName>("policy.sites", kMaxSites, checked.mutable_sites()));
  TWINSEAL_RETURN_IF_ERROR(CheckSchemes("policy.schemes", *info, checked.mutable_schemes()));
  TWINSEAL_RETURN_IF_ERROR(CheckNumbers("policy", checked));
  if (checked.min_destruction_wait_seconds() > kMaxDestructionWaitSeconds) {
    return Bad("policy.min_destruction_wait_seconds",
               fmt::format("it is at most {}, not {}", kMaxDestructionWaitSeconds,
                           checked.min_destruction_wait_seconds()));
  }
  if (storage == v1::TOKEN && checked.sites_size() > 1) {
    return Bad("policy.sites", "a token-resident key is at one site only");
  }
  TWINSEAL_RETURN_IF_ERROR(CheckAtSites(*info, storage, checked));
  return checked;
}

bool AllowsScheme(const InForce& here, v1::Algorithm algorithm, v1::Scheme scheme) {
  const crypto::AlgorithmInfo* algorithm_info = crypto::Find(algorithm);
  const crypto::SchemeInfo* scheme_info = crypto::Find(scheme);
  if (algorithm_info == nullptr || scheme_info == nullptr ||
      !crypto::Fits(*scheme_info, *algorithm_info)) {
    return false;
  }
  return here.Allows(scheme);
}

bool NamesApplication(const InForce& here, std::string_view application) {
  return std::ranges::find(here.applications, application) != here.applications.end();
}

bool AllowsSite(const v1::KeyPolicy& policy, const SiteName& site) {
  return policy.sites().empty() ||
         std::ranges::find(policy.sites(), site.text()) != policy.sites().end();
}

std::string SitesWhere(const v1::KeyPolicy& policy,
                       const std::function<bool(const InForce&)>& allows) {
  std::vector<std::string> there;
  std::vector<std::string> not_there;
  const auto look = [&](const std::string& site) {
    (allows(InForceAt(policy, site)) ? there : not_there).push_back(site);
  };
  for (const std::string& site : policy.sites()) look(site);
  if (policy.sites().empty()) {
    for (const v1::SitePolicy& own : policy.at_sites()) look(own.site());
    // Who the others are is not the policy's to say.
    if (allows(InForceElsewhere(policy))) {
      return not_there.empty() ? "every site"
                               : fmt::format("every site but {}", fmt::join(not_there, ", "));
    }
  }
  if (there.empty()) return "";
  return there.size() == 1 ? "site " + there.front()
                           : fmt::format("one of the sites {}", fmt::join(there, ", "));
}

std::chrono::seconds MinDestructionWait(const v1::KeyPolicy& policy) {
  return std::chrono::seconds(policy.has_min_destruction_wait_seconds()
                                  ? policy.min_destruction_wait_seconds()
                                  : kDefaultMinDestructionWaitSeconds);
}

Result<std::chrono::seconds> DestructionWait(const v1::ScheduleKeyDestructionRequest& request,
                                             const v1::KeyPolicy& policy) {
  const std::chrono::seconds least = MinDestructionWait(policy);
  // The default gives way to a policy that wants more.
  if (!request.has_wait_seconds())
    return std::max(least, std::chrono::seconds(kDefaultDestructionWaitSeconds));
  const std::chrono::seconds wait(request.wait_seconds());
  if (request.wait_seconds() > kMaxDestructionWaitSeconds) {
    return Bad("wait_seconds", fmt::format("it is at most {}, not {}", kMaxDestructionWaitSeconds,
                                           request.wait_seconds()));
  }
  if (wait < least) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format(
            "wait_seconds: the key's policy wants a waiting period of at least {} seconds, not {}",
            least.count(), wait.count()));
  }
  return wait;
}

}  // namespace twinseal::policy
