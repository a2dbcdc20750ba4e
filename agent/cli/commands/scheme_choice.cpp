#include "agent/cli/commands/scheme_choice.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "common/policy/in_force.h"

namespace twinseal::cli {
namespace {

Error UnknownAlgorithm() {
  return Error(Code::kUnimplemented,
               "the key's algorithm is not one that this program knows; update it");
}

bool AllowedEverywhere(const v1::KeyPolicy& policy, v1::Scheme scheme) {
  return policy::InForceElsewhere(policy).Allows(scheme) &&
         std::all_of(policy.at_sites().begin(), policy.at_sites().end(),
                     [&](const v1::SitePolicy& own) {
                       return policy::InForceAt(policy, own.site()).Allows(scheme);
                     });
}

// Which site will sign is not known here, so a scheme that every site allows goes first.
v1::Scheme Choose(const v1::KeyPolicy& policy, v1::Scheme usual) {
  std::vector<v1::Scheme> candidates = {usual};
  for (const int scheme : policy.schemes()) candidates.push_back(static_cast<v1::Scheme>(scheme));
  for (const v1::SitePolicy& own : policy.at_sites()) {
    for (const int scheme : own.schemes().schemes()) {
      candidates.push_back(static_cast<v1::Scheme>(scheme));
    }
  }
  const policy::InForce elsewhere = policy::InForceElsewhere(policy);
  for (const v1::Scheme scheme : candidates) {
    if (AllowedEverywhere(policy, scheme)) return scheme;
  }
  for (const v1::Scheme scheme : candidates) {
    if (elsewhere.Allows(scheme)) return scheme;
  }
  return usual;
}

}  // namespace

Result<v1::Scheme> SchemeToSign(Remote& remote, const std::string& key, v1::Scheme wanted) {
  if (wanted != v1::SCHEME_UNSPECIFIED) return wanted;
  v1::GetKeyRequest request;
  request.set_key(key);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key found,
                            Call<v1::Key>(remote, "KeyService/GetKey", request));
  const crypto::AlgorithmInfo* const algorithm = crypto::Find(found.algorithm());
  if (algorithm == nullptr) return UnknownAlgorithm();
  return Choose(found.policy(), algorithm->usual_scheme);
}

Result<std::vector<v1::Scheme>> SchemesToVerify(const v1::Key& key, v1::Scheme wanted) {
  const crypto::AlgorithmInfo* const algorithm = crypto::Find(key.algorithm());
  if (algorithm == nullptr) return UnknownAlgorithm();
  std::vector<v1::Scheme> schemes;
  for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
    const bool asked = wanted == v1::SCHEME_UNSPECIFIED || wanted == scheme.id;
    if (asked && crypto::Fits(scheme, *algorithm)) schemes.push_back(scheme.id);
  }
  if (schemes.empty()) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("{} does not fit a key of {}; leave --scheme out to try each that does",
                    crypto::Name(wanted), algorithm->name));
  }
  return schemes;
}

}  // namespace twinseal::cli
