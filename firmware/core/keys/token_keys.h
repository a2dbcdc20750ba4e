// Keys that stay on the token (storage TOKEN).
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// CKA_ID for a new pair of the key version: the key's id, the version in 4 bytes, big-endian, and 8
// random bytes. NSS softokn replaces a key by another of the same CKA_ID, and two attempts at one
// version must not meet like that.
Result<Bytes> NewTokenObjectId(hsm::Session& session, const KeyId& id, KeyVersion version);
// CKA_LABEL of all of a key's objects: "twinseal-key-<id>".
std::string TokenObjectLabel(const KeyId& id);

// The private keys that were made on this token for the key version: one, and more when making it
// was tried before and did not get into the ledger. Only one of them belongs to the recorded public
// key. not_found when there is none: the key was made at another site, or is lost.
Result<std::vector<hsm::Object>> FindTokenKeys(hsm::Session& session, const KeyId& id,
                                               KeyVersion version);

// Destroys every object of the key. Idempotent.
Status DestroyTokenKeys(hsm::Session& session, const KeyId& id);

}  // namespace twinseal::core
