// A site gives its domain up, so that it may join another.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Empties the vault in `vault_folder`, and destroys domain KEK, binding key, transport key and the
// vault's anchor on the token. The site KEK is made anew, so that no copy of the vault's file opens
// again. The identity key stays, and so do keys that were made on the token (storage TOKEN): they
// are nowhere else, and sign again should the appliance come back into their domain.
//
// Idempotent; after an error or a kill it is asked again. failed_precondition when the appliance is
// not set up (kNotSetUp) or another process has the vault, with nothing changed.
Status DropDomain(hsm::Session& session, const std::filesystem::path& vault_folder);

}  // namespace twinseal::core
