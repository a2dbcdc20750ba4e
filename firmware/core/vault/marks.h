// What is never to go back of a key, and the MAC that makes it the core's own word
// (docs/blob-format.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/base/secret.h"
#include "common/base/types.h"

namespace twinseal::core {

// The highest that was seen of a key. None of it ever goes back, and it outlives the key.
struct Marks {
  KeyVersion version{0};
  KeyRevision revision{0};
  // Of the newest record that was stored; counted across the key's versions.
  Generation generation{0};
  bool destroyed = false;

  friend bool operator==(const Marks&, const Marks&) = default;
};

// Thread-safe.
class MarksSeal {
 public:
  static constexpr std::size_t kKeySize = 32;
  static constexpr std::size_t kSize = 16;
  using Mac = std::array<std::uint8_t, kSize>;

  // `key` has kKeySize bytes, which nobody has without the HSM.
  explicit MarksSeal(Secret key) : key_(std::move(key)) {}

  // HMAC-SHA-256 (FIPS 198-1), its first 16 bytes.
  Mac Of(const KeyId& id, const Marks& marks) const;

 private:
  Secret key_;
};

}  // namespace twinseal::core
