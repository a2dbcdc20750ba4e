// Authenticated encryption: AES-256 in Galois/Counter Mode (NIST SP 800-38D).
#pragma once

#include <cstddef>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::crypto {

// Seals under one key with a random nonce of 96 bits each time, so at most 2^32 times (§8.3).
// Thread-safe.
class Aead {
 public:
  static constexpr std::size_t kKeySize = 32;
  // What sealing adds: a nonce before and a tag behind.
  static constexpr std::size_t kNonceSize = 12;
  static constexpr std::size_t kTagSize = 16;

  // invalid_argument for a key of another size.
  static Result<Aead> Create(Secret key);

  // `context` is bound to what is sealed and has to be given again.
  Result<Bytes> Seal(BytesView plaintext, BytesView context) const;
  // data_loss when it was not sealed with this key and this context, or changed since.
  Result<Bytes> Open(BytesView sealed, BytesView context) const;

 private:
  explicit Aead(Secret key) : key_(std::move(key)) {}

  Secret key_;
};

}  // namespace twinseal::crypto
