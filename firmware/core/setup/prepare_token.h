// Makes a blank token the appliance's: label and PINs.
#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/uri.h"

namespace twinseal::core {

// Sees to it that the token that `token` names exists and has a user PIN. A token that has both is
// left as it is; one without a user PIN gets `pin`; when there is none, a blank one is initialized
// under the label. An initialized token is never initialized again. `so_pin` may be empty for
// modules that take an empty one (NSS softokn).
//
// Loads the module, and unloads it before it returns. invalid_argument when a token has to be made
// and `token` has no label; not_found when no blank token is left; else what the module says.
Status PrepareToken(const hsm::ModuleOptions& module, const hsm::TokenSelector& token,
                    const Secret& so_pin, const Secret& pin);

}  // namespace twinseal::core
