#include "firmware/core/keys/token_keys.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "common/base/big_endian.h"
#include "firmware/core/vault/blob.h"

namespace twinseal::core {

namespace {

constexpr std::size_t kRandomSize = 8;

// How the CKA_ID of every attempt at the key version begins.
Bytes IdPrefix(const KeyId& id, KeyVersion version) {
  Bytes prefix(id.bytes().begin(), id.bytes().end());
  AppendBigEndian(prefix, Number(version));
  return prefix;
}

}  // namespace

Result<Bytes> NewTokenObjectId(hsm::Session& session, const KeyId& id, KeyVersion version) {
  Bytes object_id = IdPrefix(id, version);
  const std::size_t prefix_size = object_id.size();
  object_id.resize(prefix_size + kRandomSize);
  TWINSEAL_RETURN_IF_ERROR(session.Random(std::span(object_id).subspan(prefix_size)));
  return object_id;
}

std::string TokenObjectLabel(const KeyId& id) { return "twinseal-key-" + id.Hex(); }

Result<std::vector<hsm::Object>> FindTokenKeys(hsm::Session& session, const KeyId& id,
                                               KeyVersion version) {
  const std::string label = TokenObjectLabel(id);
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_PRIVATE_KEY).Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> all, session.Find(match));
  const Bytes prefix = IdPrefix(id, version);
  std::vector<hsm::Object> found;
  for (const hsm::Object object : all) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes object_id, session.GetAttribute(object, CKA_ID));
    if (object_id.size() == prefix.size() + kRandomSize &&
        std::ranges::equal(prefix, BytesView(object_id).first(prefix.size()))) {
      found.push_back(object);
    }
  }
  if (found.empty()) {
    return Error(Code::kNotFound,
                 fmt::format("the private key of {} stays on the token that made it, and this "
                             "token does not have it",
                             Describe(id, version)));
  }
  return found;
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
