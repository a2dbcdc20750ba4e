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

Status CheckSchemes(const crypto::AlgorithmInfo& algorithm,
                    google::protobuf::RepeatedField<int>* schemes) {
  constexpr std::string_view kField = "policy.schemes";
  for (int i = 0; i < schemes->size(); ++i) {
    const crypto::SchemeInfo* scheme = crypto::Find(static_cast<v1::Scheme>(schemes->Get(i)));
    if (scheme == nullptr) return Bad(fmt::format("{}[{}]", kField, i), "there is no such scheme");
    if (!crypto::Fits(*scheme, algorithm)) {
      return Bad(fmt::format("{}[{}]", kField, i),
                 fmt::format("{} does not fit a key of {}", scheme->name, algorithm.name));
    }
  }
  std::sort(schemes->begin(), schemes->end());
  if (const auto twice = std::adjacent_find(schemes->begin(), schemes->end());
      twice != schemes->end()) {
    return Bad(kField,
               fmt::format("{} is named twice", crypto::Name(static_cast<v1::Scheme>(*twice))));
  }
  return Ok();
}

Status CheckIsolation(const v1::KeyPolicy& policy) {
  if (!v1::Isolation_IsValid(policy.isolation())) {
    return Bad("policy.isolation", "it is one of STOP and CONTINUE");
  }
  if (policy.isolation() == v1::STOP && policy.isolation_seconds() != 0) {
    return Bad("policy.isolation_seconds", "a key whose isolation is STOP has none");
  }
  if (policy.isolation_seconds() > kMaxIsolationSeconds) {
    return Bad(
        "policy.isolation_seconds",
        fmt::format("it is at most {}, not {}", kMaxIsolationSeconds, policy.isolation_seconds()));
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
  TWINSEAL_RETURN_IF_ERROR(CheckSchemes(*info, checked.mutable_schemes()));
  if (checked.max_signatures_per_activation() > kMaxSignaturesPerActivation) {
    return Bad("policy.max_signatures_per_activation",
               fmt::format("it is at most {}, not {}", kMaxSignaturesPerActivation,
                           checked.max_signatures_per_activation()));
  }
  TWINSEAL_RETURN_IF_ERROR(CheckIsolation(checked));
  if (checked.min_destruction_wait_seconds() > kMaxDestructionWaitSeconds) {
    return Bad("policy.min_destruction_wait_seconds",
               fmt::format("it is at most {}, not {}", kMaxDestructionWaitSeconds,
                           checked.min_destruction_wait_seconds()));
  }
  if (storage == v1::TOKEN && checked.sites_size() > 1) {
    return Bad("policy.sites", "a token-resident key is at one site only");
  }
  return checked;
}

bool AllowsScheme(const v1::KeyPolicy& policy, v1::Algorithm algorithm, v1::Scheme scheme) {
  const crypto::AlgorithmInfo* algorithm_info = crypto::Find(algorithm);
  const crypto::SchemeInfo* scheme_info = crypto::Find(scheme);
  if (algorithm_info == nullptr || scheme_info == nullptr ||
      !crypto::Fits(*scheme_info, *algorithm_info)) {
    return false;
  }
  return policy.schemes().empty() ||
         std::ranges::find(policy.schemes(), scheme) != policy.schemes().end();
}

bool NamesApplication(const v1::KeyPolicy& policy, std::string_view application) {
  return std::ranges::find(policy.applications(), application) != policy.applications().end();
}

bool AllowsSite(const v1::KeyPolicy& policy, const SiteName& site) {
  return policy.sites().empty() ||
         std::ranges::find(policy.sites(), site.text()) != policy.sites().end();
}

std::uint32_t SignaturesPerActivation(const v1::KeyPolicy& policy) {
  return std::max<std::uint32_t>(1, policy.max_signatures_per_activation());
}

std::chrono::seconds MinDestructionWait(const v1::KeyPolicy& policy) {
  return std::chrono::seconds(policy.has_min_destruction_wait_seconds()
                                  ? policy.min_destruction_wait_seconds()
                                  : kDefaultMinDestructionWaitSeconds);
}

std::chrono::seconds IsolationTime(const v1::KeyPolicy& policy) {
  if (policy.isolation() == v1::STOP) return std::chrono::seconds(0);
  return std::chrono::seconds(policy.isolation_seconds() == 0 ? kDefaultIsolationSeconds
                                                              : policy.isolation_seconds());
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
