#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "firmware/core/vault/blob.h"

namespace twinseal::core {

Result<KeyHeader> HeaderFromProto(const v1::KeyHeader& header) {
  const auto invalid = [](std::string_view what) {
    return Error(Code::kInvalidArgument, fmt::format("the key's header: {}", what));
  };
  KeyHeader result;
  auto id = KeyId::FromBytes(AsBytes(header.key_id()));
  if (!id.ok()) return invalid("key_id is not 16 bytes");
  result.id = *id;
  if (header.version() == 0) return invalid("version is 0; versions count from 1");
  result.version = KeyVersion{header.version()};
  if (header.revision() == 0) return invalid("revision is 0; revisions count from 1");
  result.revision = KeyRevision{header.revision()};
  if (crypto::Find(header.algorithm()) == nullptr) return invalid("algorithm is not known");
  result.algorithm = header.algorithm();
  switch (header.storage()) {
    case v1::STORAGE_UNSPECIFIED:
    case v1::VAULT:
      result.storage = v1::VAULT;
      break;
    case v1::TOKEN:
      result.storage = v1::TOKEN;
      break;
    default:
      return invalid("storage is neither VAULT nor TOKEN");
  }
  if (!v1::KeyState_IsValid(header.state()) || header.state() == v1::KEY_STATE_UNSPECIFIED) {
    return invalid("state is not known");
  }
  result.state = header.state();
  if (header.policy().ByteSizeLong() > kMaxPolicy) {
    return invalid(fmt::format("policy is larger than {} bytes", kMaxPolicy));
  }
  result.policy = header.policy();
  result.public_key = ToBytes(header.public_key_der());
  return result;
}

v1::KeyHeader HeaderToProto(const KeyHeader& header) {
  v1::KeyHeader result;
  result.set_key_id(ToString(header.id.bytes()));
  result.set_version(Number(header.version));
  result.set_revision(Number(header.revision));
  result.set_algorithm(header.algorithm);
  result.set_storage(header.storage);
  result.set_state(header.state);
  *result.mutable_policy() = header.policy;
  result.set_public_key_der(ToString(header.public_key));
  return result;
}

std::string Describe(const KeyId& id, KeyVersion version) {
  return fmt::format("{} version {}", id.Hex(), Number(version));
}

}  // namespace twinseal::core
