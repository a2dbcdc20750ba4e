// What a key's header allows: the core holds to the bound policy itself, whatever its caller says.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/result.h"
#include "common/policy/in_force.h"
#include "firmware/core/keys/activation.h"
#include "firmware/core/keys/key_engine.h"
#include "firmware/core/vault/blob.h"

namespace twinseal::core {

// failed_precondition unless the key is enabled.
Status CheckState(const KeyHeader& header);

// The order as tasks, which borrow its digests. invalid_argument when it is empty, when a scheme
// does not fit the key or a digest the scheme; permission_denied when the policy does not list a
// scheme. `policy` is what is in force of the header's at this site.
Result<std::vector<SignTask>> CheckOrder(const KeyHeader& header, const policy::InForce& policy,
                                         const SignOrder& order);

// How many signatures orders that share an activation may have together, at least 1.
std::size_t MaxSignaturesPerActivation(const policy::InForce& policy);

}  // namespace twinseal::core
