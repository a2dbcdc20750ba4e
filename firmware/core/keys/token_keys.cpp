#include "firmware/core/keys/token_keys.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "firmware/core/vault/blob.h"

namespace twinseal::core {

Bytes TokenObjectId(const KeyId& id, KeyVersion version) {
  Bytes object_id(id.bytes().begin(), id.bytes().end());
  for (int shift = 24; shift >= 0; shift -= 8) {
    object_id.push_back(static_cast<std::uint8_t>(Number(version) >> shift));
  }
  return object_id;
}

std::string TokenObjectLabel(const KeyId& id) { return "twinseal-key-" + id.Hex(); }

Result<hsm::Object> FindTokenKey(hsm::Session& session, const KeyId& id, KeyVersion version) {
  const Bytes object_id = TokenObjectId(id, version);
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_PRIVATE_KEY).Bool(CKA_TOKEN, true).Data(CKA_ID, object_id);
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> found, session.Find(match, 2));
  if (found.size() != 1) {
    return Error(found.empty() ? Code::kNotFound : Code::kFailedPrecondition,
                 fmt::format("the private key of {} stays on the token that made it, and this "
                             "token has {}",
                             Describe(id, version), found.empty() ? "none" : "several of it"));
  }
  return found.front();
}

Status DestroyTokenKeys(hsm::Session& session, const KeyId& id) {
  const std::string label = TokenObjectLabel(id);
  hsm::Template match;
  match.Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> found, session.Find(match));
  for (const hsm::Object object : found) TWINSEAL_RETURN_IF_ERROR(session.Destroy(object));
  return Ok();
}

}  // namespace twinseal::core
