// Records to test with.
#pragma once

#include "firmware/core/vault/blob.h"

namespace twinseal::core {

inline Blob VaultBlob(const KeyId& id = KeyId::Random(), std::uint64_t generation = 1) {
  Blob blob;
  blob.kind = BlobKind::kVault;
  blob.key_wrap = hsm::WrapMechanism::kAesKeyWrapPad;
  blob.kek_wrap = hsm::WrapMechanism::kAesCbcPad;
  blob.header.id = id;
  blob.header.version = KeyVersion{3};
  blob.header.revision = KeyRevision{7};
  blob.header.algorithm = v1::EC_P256;
  blob.header.state = v1::DISABLED;
  blob.header.policy.add_applications("billing");
  blob.header.policy.add_schemes(v1::ECDSA_SHA256);
  blob.header.policy.set_min_destruction_wait_seconds(0);
  blob.header.public_key = Bytes(91, 0x30);
  blob.generation = Generation{generation};
  blob.wrapped_kek = Bytes(64, 0x41);
  blob.wrapped_key = Bytes(152, 0x42);
  blob.binding.fill(0x43);
  return blob;
}

inline Blob ReplicaBlobOf(Blob blob) {
  blob.kind = BlobKind::kReplica;
  blob.kek_wrap = hsm::WrapMechanism::kNone;
  blob.wrapped_kek.clear();
  blob.generation = Generation{0};
  return blob;
}

inline Blob TokenReferenceOf(Blob blob) {
  blob = ReplicaBlobOf(std::move(blob));
  blob.kind = BlobKind::kTokenReference;
  blob.header.storage = v1::TOKEN;
  blob.key_wrap = hsm::WrapMechanism::kNone;
  blob.wrapped_key.clear();
  return blob;
}

}  // namespace twinseal::core
