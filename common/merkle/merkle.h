// The Merkle tree of RFC 9162 section 2.1 (the same tree as RFC 6962's), with SHA-256.
//
// Everything here is pure: no state but what an object holds, no thread rules but the usual one
// (one writer, or many readers).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::merkle {

inline constexpr std::size_t kHashSize = 32;
using Hash = std::array<std::uint8_t, kHashSize>;

// invalid_argument unless there are exactly 32 bytes.
Result<Hash> HashFromBytes(BytesView bytes);

// RFC 9162 section 2.1.1: SHA-256(0x00 || leaf), SHA-256(0x01 || left || right), and SHA-256 of
// nothing.
Hash HashLeaf(BytesView leaf);
Hash HashChildren(const Hash& left, const Hash& right);
Hash EmptyRoot();

// A tree that only grows, kept as the roots of its perfect subtrees, the largest first: as many
// hashes as the size has one bits, so at most 64. That is all that appending needs.
class Frontier {
 public:
  // The empty tree.
  Frontier() = default;
  // The tree of `size` leaves whose perfect subtrees have these roots. invalid_argument when their
  // number does not fit.
  static Result<Frontier> From(std::uint64_t size, std::vector<Hash> nodes);

  void Append(const Hash& leaf);

  std::uint64_t size() const { return size_; }
  const std::vector<Hash>& nodes() const { return nodes_; }
  Hash Root() const;

  friend bool operator==(const Frontier&, const Frontier&) = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> nodes_;
};

// The root over these leaf hashes, by the definition in section 2.1.1.
Hash RootOf(std::span<const Hash> leaves);

// Section 2.1.3.1: proves that the leaf at `index` is in the tree of these leaves. out_of_range
// when it is not.
Result<std::vector<Hash>> InclusionProof(std::span<const Hash> leaves, std::uint64_t index);

// Section 2.1.3.2. data_loss when the proof does not lead to `root`.
Status VerifyInclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                       std::span<const Hash> proof, const Hash& root);

// Section 2.1.4.1: proves that the tree of the first `old_size` leaves is the beginning of the tree
// of all of them. Empty when the sizes are equal. out_of_range when `old_size` is 0 or beyond the
// leaves.
Result<std::vector<Hash>> ConsistencyProof(std::span<const Hash> leaves, std::uint64_t old_size);

// Section 2.1.4.2. data_loss when the proof does not lead to both roots.
Status VerifyConsistency(std::uint64_t old_size, std::uint64_t new_size,
                         std::span<const Hash> proof, const Hash& old_root, const Hash& new_root);

}  // namespace twinseal::merkle
