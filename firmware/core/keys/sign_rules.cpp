#include "firmware/core/keys/sign_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"

namespace twinseal::core {
namespace {

// As the contract has it (KeyPolicy.max_signatures_per_activation).
constexpr std::size_t kMostSignatures = 1024;

Status CheckItem(const KeyHeader& header, const policy::InForce& policy,
                 const crypto::AlgorithmInfo& algorithm, const crypto::SchemeInfo* scheme,
                 const SignItem& item) {
  if (scheme == nullptr) {
    return Error(Code::kInvalidArgument, "scheme: this is no signature scheme");
  }
  if (!crypto::Fits(*scheme, algorithm)) {
    return Error(Code::kInvalidArgument,
                 fmt::format("scheme: {} does not fit a key of the algorithm {}; its usual scheme "
                             "is {}",
                             scheme->name, algorithm.name, crypto::Name(algorithm.usual_scheme)));
  }
  if (!policy.Allows(scheme->id)) {
    return Error(Code::kPermissionDenied,
                 fmt::format("the policy of key {} does not allow the scheme {} at this site",
                             header.id.Hex(), scheme->name));
  }
  return crypto::CheckDigest(*scheme, item.digest.size());
}

}  // namespace

Status CheckState(const KeyHeader& header) {
  std::string_view what;
  switch (header.state) {
    case v1::ENABLED:
      return Ok();
    case v1::DISABLED:
      what = "disabled; enable it to sign with it";
      break;
    case v1::PENDING_DESTRUCTION:
      what = "pending destruction; cancel that to sign with it";
      break;
    default:
      what = "destroyed";
      break;
  }
  return Error(Code::kFailedPrecondition, fmt::format("key {} is {}", header.id.Hex(), what));
}

Result<std::vector<SignTask>> CheckOrder(const KeyHeader& header, const policy::InForce& policy,
                                         const SignOrder& order) {
  const crypto::AlgorithmInfo* const algorithm = crypto::Find(header.algorithm);
  if (algorithm == nullptr) {
    return Error(Code::kInternal, "the key's algorithm is not known");
  }
  if (order.items.empty()) {
    return Error(Code::kInvalidArgument, "digests: there is nothing to sign");
  }
  std::vector<SignTask> tasks;
  tasks.reserve(order.items.size());
  for (const SignItem& item : order.items) {
    const crypto::SchemeInfo* const scheme = crypto::Find(item.scheme);
    TWINSEAL_RETURN_IF_ERROR(CheckItem(header, policy, *algorithm, scheme, item));
    tasks.push_back({.scheme = scheme, .digest = item.digest});
  }
  return tasks;
}

std::size_t MaxSignaturesPerActivation(const policy::InForce& policy) {
  return std::clamp<std::size_t>(policy.signatures_per_activation, 1, kMostSignatures);
}

}  // namespace twinseal::core
