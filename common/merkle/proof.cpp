#include <bit>

#include <fmt/format.h>

#include "common/merkle/merkle.h"

namespace twinseal::merkle {
namespace {

// The largest power of two that is smaller than `count`, which is at least 2.
std::size_t SplitPoint(std::size_t count) { return std::bit_floor(count - 1); }

// PATH(m, D[n]) of section 2.1.3.1.
void AppendPath(std::size_t index, std::span<const Hash> leaves, std::vector<Hash>& path) {
  if (leaves.size() == 1) return;
  const std::size_t split = SplitPoint(leaves.size());
  if (index < split) {
    AppendPath(index, leaves.first(split), path);
    path.push_back(RootOf(leaves.subspan(split)));
  } else {
    AppendPath(index - split, leaves.subspan(split), path);
    path.push_back(RootOf(leaves.first(split)));
  }
}

// SUBPROOF(m, D[n], b) of section 2.1.4.1. `whole` says that the old tree is this subtree's
// beginning at the very left, so that its root is known to the verifier.
void AppendSubproof(std::size_t old_size, std::span<const Hash> leaves, bool whole,
                    std::vector<Hash>& proof) {
  if (old_size == leaves.size()) {
    if (!whole) proof.push_back(RootOf(leaves));
    return;
  }
  const std::size_t split = SplitPoint(leaves.size());
  if (old_size <= split) {
    AppendSubproof(old_size, leaves.first(split), whole, proof);
    proof.push_back(RootOf(leaves.subspan(split)));
  } else {
    AppendSubproof(old_size - split, leaves.subspan(split), false, proof);
    proof.push_back(RootOf(leaves.first(split)));
  }
}

Error NotProved(std::string_view why) {
  return Error(Code::kDataLoss, fmt::format("the proof does not hold: {}", why));
}

}  // namespace

Hash RootOf(std::span<const Hash> leaves) {
  if (leaves.empty()) return EmptyRoot();
  if (leaves.size() == 1) return leaves.front();
  const std::size_t split = SplitPoint(leaves.size());
  return HashChildren(RootOf(leaves.first(split)), RootOf(leaves.subspan(split)));
}

Result<std::vector<Hash>> InclusionProof(std::span<const Hash> leaves, std::uint64_t index) {
  if (index >= leaves.size()) {
    return Error(Code::kOutOfRange,
                 fmt::format("there is no leaf {} in a tree of {}", index, leaves.size()));
  }
  std::vector<Hash> path;
  AppendPath(static_cast<std::size_t>(index), leaves, path);
  return path;
}

Status VerifyInclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                       std::span<const Hash> proof, const Hash& root) {
  if (index >= size) return NotProved("the leaf is beyond the tree's size");
  // The names are those of the algorithm in section 2.1.3.2.
  std::uint64_t fn = index;
  std::uint64_t sn = size - 1;
  Hash r = leaf;
  for (const Hash& p : proof) {
    if (sn == 0) return NotProved("it is too long");
    if ((fn & 1) != 0 || fn == sn) {
      r = HashChildren(p, r);
      if ((fn & 1) == 0) {
        const int zeros = std::countr_zero(fn);
        // fn == 0 cannot be here: fn == sn, and sn is not 0.
        fn >>= zeros;
        sn >>= zeros;
      }
    } else {
      r = HashChildren(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return NotProved("it is too short");
  if (r != root) return NotProved("it leads to another root");
  return Ok();
}

Result<std::vector<Hash>> ConsistencyProof(std::span<const Hash> leaves, std::uint64_t old_size) {
  if (old_size == 0 || old_size > leaves.size()) {
    return Error(Code::kOutOfRange, fmt::format("a tree of {} leaves has no beginning of {}",
                                                leaves.size(), old_size));
  }
  std::vector<Hash> proof;
  AppendSubproof(static_cast<std::size_t>(old_size), leaves, true, proof);
  return proof;
}

Status VerifyConsistency(std::uint64_t old_size, std::uint64_t new_size,
                         std::span<const Hash> proof, const Hash& old_root, const Hash& new_root) {
  if (old_size == 0 || old_size > new_size)
    return NotProved("the old tree is empty or larger than the new one");
  if (old_size == new_size) {
    if (!proof.empty()) return NotProved("trees of one size need no hashes");
    if (old_root != new_root) return NotProved("the roots differ");
    return Ok();
  }
  // The names are those of the algorithm in section 2.1.4.2.
  const bool exact = std::has_single_bit(old_size);
  if (!exact && proof.empty()) return NotProved("it is too short");
  std::uint64_t fn = old_size - 1;
  std::uint64_t sn = new_size - 1;
  const int ones = std::countr_one(fn);
  fn >>= ones;
  sn >>= ones;
  Hash fr = exact ? old_root : proof.front();
  Hash sr = fr;
  for (const Hash& c : exact ? proof : proof.subspan(1)) {
    if (sn == 0) return NotProved("it is too long");
    if ((fn & 1) != 0 || fn == sn) {
      fr = HashChildren(c, fr);
      sr = HashChildren(c, sr);
      if ((fn & 1) == 0) {
        const int zeros = std::countr_zero(fn);
        fn >>= zeros;
        sn >>= zeros;
      }
    } else {
      sr = HashChildren(sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  if (sn != 0) return NotProved("it is too short");
  if (fr != old_root) return NotProved("it does not lead to the old root");
  if (sr != new_root) return NotProved("it does not lead to the new root");
  return Ok();
}

}  // namespace twinseal::merkle
