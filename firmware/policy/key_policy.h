// What a key's policy may say, and what it means where it is silent. What it says at one site is in
// common/policy/in_force.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/types.h"
#include "common/policy/in_force.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::policy {

inline constexpr std::size_t kMaxApplications = 256;
inline constexpr std::size_t kMaxSites = 16;
// Named by all of a policy's entries for sites together: a key's record stays within some 100 KiB.
inline constexpr std::size_t kMaxApplicationsAtSites = 512;
// As many digests as one batch may have; beyond it an activation would hold a worker for too long.
inline constexpr std::uint32_t kMaxSignaturesPerActivation = 1024;
// 30 days: longer than any repair, short enough that a change gets everywhere in the end.
inline constexpr std::uint32_t kMaxIsolationSeconds = 30 * 86'400;
inline constexpr std::uint32_t kDefaultMinDestructionWaitSeconds = 7 * 86'400;
inline constexpr std::uint32_t kDefaultDestructionWaitSeconds = 30 * 86'400;
inline constexpr std::uint32_t kMaxDestructionWaitSeconds = 366 * 86'400;

// A key's name as a client gives it for a new key: well-formed and not reserved. invalid_argument,
// or permission_denied for a reserved name.
Result<KeyName> NewKeyName(std::string_view text);

// Checks a policy for a key of this algorithm and storage and gives it in canonical form: lists
// sorted, nothing twice, so that equal policies are equal bytes. Fields left out stay out; their
// meaning is below. invalid_argument names the field ("policy.applications[3]").
Result<v1::KeyPolicy> ValidatePolicy(const v1::KeyPolicy& policy, v1::Algorithm algorithm,
                                     v1::Storage storage);

// Whether the key may sign with this scheme. The scheme must fit the algorithm.
bool AllowsScheme(const InForce& here, v1::Algorithm algorithm, v1::Scheme scheme);
bool NamesApplication(const InForce& here, std::string_view application);
// Whether the policy lets the site hold the key.
bool AllowsSite(const v1::KeyPolicy& policy, const SiteName& site);

// Of the sites that may hold the key those where `allows` is true of what is in force there, in
// words: "site a", "one of the sites a, c", "every site but b"; empty when there is none.
std::string SitesWhere(const v1::KeyPolicy& policy,
                       const std::function<bool(const InForce&)>& allows);

std::chrono::seconds MinDestructionWait(const v1::KeyPolicy& policy);

// How long the destruction of a key waits, as asked for or by default. invalid_argument beyond
// kMaxDestructionWaitSeconds; failed_precondition below what the policy says.
Result<std::chrono::seconds> DestructionWait(const v1::ScheduleKeyDestructionRequest& request,
                                             const v1::KeyPolicy& policy);

}  // namespace twinseal::policy
