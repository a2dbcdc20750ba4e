// Bytes that must not leak: scrubbed on every path, not printable, compared in constant time.
#pragma once

#include <cstddef>
#include <span>

#include "common/base/bytes.h"

namespace twinseal {

// Names a place that reads a secret. Searching for `SecretAccess` finds every such place.
class SecretAccess {
 public:
  explicit SecretAccess() = default;
};

// Move-only. The bytes sit in pages that are locked into memory where the limit allows, left out of
// core dumps, and scrubbed when the object dies or is moved from. One owner; not thread-safe.
class Secret {
 public:
  Secret() = default;
  // Takes a copy; the caller scrubs its own.
  explicit Secret(BytesView bytes);
  // `size` zero bytes to be filled in through Writable().
  explicit Secret(std::size_t size);
  ~Secret();

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  BytesView Reveal(SecretAccess) const { return {data_, size_}; }
  std::span<std::uint8_t> Writable(SecretAccess) { return {data_, size_}; }

  // Cuts the secret to its first `size` bytes, scrubbing what falls off. No effect when it is not
  // longer.
  void Truncate(std::size_t size);

  // In constant time for equal sizes.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void Release() noexcept;

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;
};

// Overwrites memory in a way that the compiler does not remove.
void Scrub(std::span<std::uint8_t> bytes);

}  // namespace twinseal
