// Parsed public keys, the least recently used thrown out: parsing one costs as much as half a
// verification with it.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/crypto/public_key.h"

namespace twinseal::core {

// One thread's own.
class PublicKeyCache {
 public:
  // Some 4 kB a key.
  static constexpr std::size_t kDefaultCapacity = 256;

  struct Entry {
    KeyId id;
    KeyVersion version{};
    crypto::PublicKey key;
    // The point of an elliptic curve key or the modulus of an RSA key, as a token names it.
    Bytes public_value;
  };

  explicit PublicKeyCache(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

  // The key whose SubjectPublicKeyInfo is `der`, parsed now unless this very key is here. Valid
  // until the next call. data_loss when it is no public key or not of this algorithm.
  Result<const Entry*> Get(const KeyId& id, KeyVersion version, v1::Algorithm algorithm,
                           BytesView der);

  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<Entry>;

  const std::size_t capacity_;
  Entries entries_;  // The most recently used first.
  std::unordered_map<KeyId, Entries::iterator> by_id_;
};

}  // namespace twinseal::core
