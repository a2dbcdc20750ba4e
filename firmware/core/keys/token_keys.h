// Keys that stay on the token (storage TOKEN).
#pragma once

#include "common/base/result.h"
#include "common/base/types.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// CKA_ID of a key version's objects: the key's id, then the version, big-endian.
Bytes TokenObjectId(const KeyId& id, KeyVersion version);
// CKA_LABEL of all of a key's objects: "twinseal-key-<id>".
std::string TokenObjectLabel(const KeyId& id);

// not_found when this token does not have it: the key was made at another site, or is lost.
Result<hsm::Object> FindTokenKey(hsm::Session& session, const KeyId& id, KeyVersion version);

// Destroys every object of the key. Idempotent.
Status DestroyTokenKeys(hsm::Session& session, const KeyId& id);

}  // namespace twinseal::core
