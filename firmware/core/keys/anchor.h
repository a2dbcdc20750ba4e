// What the token remembers of the vault, so that an older vault file put back whole is noticed.
//
// It is the sum of all keys' generations as they were on disk at some moment: it only ever rises.
// Kept in a private data object; a token that holds none (NSS softokn) goes without.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// How many activations may pass between two anchors while the core runs: what a vault put back
// can be older by, unnoticed by this (never by the marks of the process that runs). Writing one
// takes some milliseconds.
inline constexpr std::uint64_t kActivationsPerAnchor = 10'000;

// Nothing when the token has none.
Result<std::optional<std::uint64_t>> ReadAnchor(hsm::Session& session);

// Replaces what the token remembers.
Status WriteAnchor(hsm::Session& session, std::uint64_t generation_sum);

// The token remembers nothing any more: for a vault that was emptied. Idempotent.
Status RemoveAnchor(hsm::Session& session);

}  // namespace twinseal::core
