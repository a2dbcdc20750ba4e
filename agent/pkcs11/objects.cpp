#include "agent/pkcs11/objects.h"

#include "common/base/big_endian.h"

namespace twinseal::pkcs11 {

Bytes CkaIdOf(const ObjectRef& object) {
  Bytes id(object.key.bytes().begin(), object.key.bytes().end());
  AppendBigEndian(id, object.version);
  return id;
}

std::optional<KeyAndVersion> ParseCkaId(BytesView id) {
  if (id.size() != kCkaIdSize) return std::nullopt;
  const Result<KeyId> key = KeyId::FromBytes(id.first(KeyId::kSize));
  if (!key.ok()) return std::nullopt;
  return KeyAndVersion{*key, ReadBigEndian<std::uint32_t>(id.subspan(KeyId::kSize))};
}

CK_OBJECT_HANDLE Handles::Of(const ObjectRef& object) {
  const MutexLock lock(mutex_);
  const auto [entry, is_new] = handles_.try_emplace(object, objects_.size() + 1);
  if (is_new) objects_.push_back(object);
  return entry->second;
}

std::optional<ObjectRef> Handles::Find(CK_OBJECT_HANDLE handle) const {
  const MutexLock lock(mutex_);
  if (handle == CK_INVALID_HANDLE || handle > objects_.size()) return std::nullopt;
  return objects_[handle - 1];
}

}  // namespace twinseal::pkcs11
