// What a key's header allows: the core holds to the bound policy itself, whatever its caller says.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/result.h"
#include "firmware/core/keys/activation.h"
#include "firmware/core/keys/key_engine.h"
#include "firmware/core/vault/blob.h"

namespace twinseal::core {

// failed_precondition unless the key is enabled.
Status CheckState(const KeyHeader& header);

// The order as tasks, which borrow its digests. invalid_argument when it is empty, when a scheme
// does not fit the key or a digest the scheme; permission_denied when the policy does not list a
// scheme.
Result<std::vector<SignTask>> CheckOrder(const KeyHeader& header, const SignOrder& order);

// How many signatures orders that share an activation may have together, at least 1.
std::size_t MaxSignaturesPerActivation(const v1::KeyPolicy& policy);

}  // namespace twinseal::core
