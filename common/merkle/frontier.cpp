#include <algorithm>
#include <bit>
#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "common/merkle/merkle.h"

namespace twinseal::merkle {
namespace {

// SHA256() sets up nothing that can fail (it allocates nothing for a digest that is compiled in).
Hash Sha256(BytesView input) {
  Hash hash;
  if (SHA256(input.data(), input.size(), hash.data()) == nullptr) std::abort();
  return hash;
}

}  // namespace

Result<Hash> HashFromBytes(BytesView bytes) {
  if (bytes.size() != kHashSize) {
    return Error(Code::kInvalidArgument,
                 fmt::format("a tree hash has {} bytes, not {}", kHashSize, bytes.size()));
  }
  Hash hash;
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

Hash HashLeaf(BytesView leaf) {
  Bytes input(1 + leaf.size());
  input[0] = 0x00;
  std::ranges::copy(leaf, input.begin() + 1);
  return Sha256(input);
}

Hash HashChildren(const Hash& left, const Hash& right) {
  std::array<std::uint8_t, 1 + 2 * kHashSize> input;
  input[0] = 0x01;
  std::ranges::copy(left, input.begin() + 1);
  std::ranges::copy(right, input.begin() + 1 + kHashSize);
  return Sha256(input);
}

Hash EmptyRoot() { return Sha256({}); }

Result<Frontier> Frontier::From(std::uint64_t size, std::vector<Hash> nodes) {
  if (nodes.size() != static_cast<std::size_t>(std::popcount(size))) {
    return Error(Code::kInvalidArgument,
                 fmt::format("a tree of {} leaves has {} perfect subtrees, not {}", size,
                             std::popcount(size), nodes.size()));
  }
  Frontier frontier;
  frontier.size_ = size;
  frontier.nodes_ = std::move(nodes);
  return frontier;
}

void Frontier::Append(const Hash& leaf) {
  // Adding a leaf is adding one to a binary counter: each carry joins two subtrees of the same
  // size.
  Hash node = leaf;
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    node = HashChildren(nodes_.back(), node);
    nodes_.pop_back();
  }
  nodes_.push_back(node);
  ++size_;
}

Hash Frontier::Root() const {
  if (nodes_.empty()) return EmptyRoot();
  Hash root = nodes_.back();
  for (auto node = nodes_.rbegin() + 1; node != nodes_.rend(); ++node) {
    root = HashChildren(*node, root);
  }
  return root;
}

}  // namespace twinseal::merkle
