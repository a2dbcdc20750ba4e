// The objects of a token: which there are, and their handles.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/pkcs11/cryptoki.h"
#include "common/base/mutex.h"
#include "common/base/types.h"

namespace twinseal::pkcs11 {

// The current version of a key has both halves, older ones the public one alone, since they only
// verify. Each version may have certificates, and each of these those of the CAs above it.
enum class ObjectKind : std::uint8_t { kPublicKey, kPrivateKey, kCertificate, kIssuer };

struct ObjectRef {
  KeyId key;
  std::uint32_t version;
  ObjectKind kind;
  std::uint64_t certificate = 0;  // The first eight bytes of its SHA-256; 0 for a key.

  bool is_private() const { return kind == ObjectKind::kPrivateKey; }
  bool is_certificate() const {
    return kind == ObjectKind::kCertificate || kind == ObjectKind::kIssuer;
  }

  friend auto operator<=>(const ObjectRef&, const ObjectRef&) = default;
};

// CKA_ID: the key's id and the version, big-endian. The same for both halves and the certificates
// of that version.
inline constexpr std::size_t kCkaIdSize = KeyId::kSize + 4;
Bytes CkaIdOf(const ObjectRef& object);
// Nothing for bytes that are no such id.
struct KeyAndVersion {
  KeyId key;
  std::uint32_t version;
};
std::optional<KeyAndVersion> ParseCkaId(BytesView id);

// Gives each object one handle for as long as the module is initialized; they outlive any
// connection and session. Thread-safe.
class Handles {
 public:
  CK_OBJECT_HANDLE Of(const ObjectRef& object) TWINSEAL_EXCLUDES(mutex_);
  std::optional<ObjectRef> Find(CK_OBJECT_HANDLE handle) const TWINSEAL_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::map<ObjectRef, CK_OBJECT_HANDLE> handles_ TWINSEAL_GUARDED_BY(mutex_);
  std::vector<ObjectRef> objects_ TWINSEAL_GUARDED_BY(mutex_);  // That of handle 1, 2, ...
};

}  // namespace twinseal::pkcs11
