// What a key's policy says at one site, where KeyPolicy.at_sites may say otherwise than the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "twinseal/v1/keys.pb.h"

namespace twinseal::policy {

inline constexpr std::uint32_t kDefaultIsolationSeconds = 86'400;

// Borrows from the policy that it was made of. What decides about a key's use takes one of these
// and never the policy itself, so that what differs at a site cannot be overlooked.
struct InForce {
  const google::protobuf::RepeatedPtrField<std::string>& applications;
  const google::protobuf::RepeatedField<int>& schemes;  // Empty: each that fits the algorithm.
  std::uint32_t signatures_per_activation;              // At least 1.
  std::chrono::seconds isolation_time;                  // 0: an isolated site stops at once.

  // Whether the scheme fits the key's algorithm is another question.
  bool Allows(v1::Scheme scheme) const;
};

// Whether the site may have the key at all is another question (KeyPolicy.sites). May be called
// from any thread.
InForce InForceAt(const v1::KeyPolicy& policy, std::string_view site);
InForce InForceAt(v1::KeyPolicy&& policy, std::string_view site) = delete;

// At every site that has no entry of its own.
InForce InForceElsewhere(const v1::KeyPolicy& policy);
InForce InForceElsewhere(v1::KeyPolicy&& policy) = delete;

}  // namespace twinseal::policy
