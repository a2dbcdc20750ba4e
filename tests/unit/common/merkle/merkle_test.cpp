// What holds of every tree, tried on all small ones.
#include "common/merkle/merkle.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace twinseal::merkle {
namespace {

constexpr std::size_t kLargest = 70;  // Past 64, so that every shape up to seven levels is met.

std::vector<Hash> Leaves(std::size_t count) {
  std::vector<Hash> leaves;
  for (std::size_t i = 0; i < count; ++i)
    leaves.push_back(HashLeaf(AsBytes("leaf " + std::to_string(i))));
  return leaves;
}

// Every way to spoil a proof a little: a bit of a hash, one hash less, one more, two exchanged.
std::vector<std::vector<Hash>> Spoiled(const std::vector<Hash>& proof) {
  std::vector<std::vector<Hash>> all;
  for (std::size_t i = 0; i < proof.size(); ++i) {
    all.push_back(proof);
    all.back()[i][i % kHashSize] ^= 0x01;
    all.push_back(proof);
    all.back().erase(all.back().begin() + static_cast<std::ptrdiff_t>(i));
    if (i > 0) {
      all.push_back(proof);
      std::swap(all.back()[i - 1], all.back()[i]);
    }
  }
  all.push_back(proof);
  all.back().push_back(HashLeaf({}));
  return all;
}

TEST(Frontier, LeadsToTheRootOfTheDefinition) {
  const std::vector<Hash> leaves = Leaves(kLargest);
  Frontier frontier;
  for (std::size_t size = 0; size < leaves.size(); ++size) {
    EXPECT_EQ(frontier.size(), size);
    EXPECT_EQ(frontier.Root(), RootOf(std::span(leaves).first(size)));
    frontier.Append(leaves[size]);
  }
}

TEST(Frontier, GoesOnFromItsNodes) {
  const std::vector<Hash> leaves = Leaves(kLargest);
  Frontier whole;
  for (const Hash& leaf : leaves) {
    Result<Frontier> again = Frontier::From(whole.size(), whole.nodes());
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, whole);
    whole.Append(leaf);
  }
}

TEST(Frontier, RefusesNodesThatDoNotFitTheSize) {
  EXPECT_FALSE(Frontier::From(3, Leaves(1)).ok());
  EXPECT_FALSE(Frontier::From(4, Leaves(2)).ok());
  EXPECT_FALSE(Frontier::From(0, Leaves(1)).ok());
  EXPECT_TRUE(Frontier::From(0, {}).ok());
}

TEST(Inclusion, HoldsForEveryLeafOfEveryTree) {
  const std::vector<Hash> leaves = Leaves(kLargest);
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const Hash root = RootOf(tree);
    for (std::size_t index = 0; index < size; ++index) {
      const std::vector<Hash> proof = InclusionProof(tree, index).value();
      EXPECT_TRUE(VerifyInclusion(index, size, leaves[index], proof, root).ok());
    }
  }
}

TEST(Inclusion, FailsForAnyOtherLeafProofSizeOrRoot) {
  const std::vector<Hash> leaves = Leaves(20);
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const Hash root = RootOf(tree);
    for (std::size_t index = 0; index < size; ++index) {
      const std::vector<Hash> proof = InclusionProof(tree, index).value();
      const Hash other = HashLeaf(AsBytes("another"));
      EXPECT_FALSE(VerifyInclusion(index, size, other, proof, root).ok());
      EXPECT_FALSE(VerifyInclusion(index, size, leaves[index], proof, other).ok());
      EXPECT_FALSE(VerifyInclusion(size, size, leaves[index], proof, root).ok());
      for (std::size_t wrong = 0; wrong < size; ++wrong) {
        EXPECT_EQ(VerifyInclusion(wrong, size, leaves[index], proof, root).ok(), wrong == index);
      }
      for (const std::vector<Hash>& spoiled : Spoiled(proof)) {
        EXPECT_FALSE(VerifyInclusion(index, size, leaves[index], spoiled, root).ok());
      }
    }
  }
}

TEST(Inclusion, IsRefusedBeyondTheTree) {
  const Result<std::vector<Hash>> proof = InclusionProof(Leaves(4), 4);
  ASSERT_FALSE(proof.ok());
  EXPECT_EQ(proof.error().code(), Code::kOutOfRange);
  EXPECT_FALSE(InclusionProof({}, 0).ok());
}

TEST(Consistency, HoldsForEveryTwoSizes) {
  const std::vector<Hash> leaves = Leaves(kLargest);
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const Hash root = RootOf(tree);
    for (std::size_t old_size = 1; old_size <= size; ++old_size) {
      const std::vector<Hash> proof = ConsistencyProof(tree, old_size).value();
      EXPECT_TRUE(
          VerifyConsistency(old_size, size, proof, RootOf(tree.first(old_size)), root).ok());
    }
  }
}

TEST(Consistency, FailsForAnyOtherProofOrRoot) {
  const std::vector<Hash> leaves = Leaves(20);
  const Hash other = HashLeaf(AsBytes("another"));
  for (std::size_t size = 2; size <= leaves.size(); ++size) {
    const auto tree = std::span(leaves).first(size);
    const Hash root = RootOf(tree);
    for (std::size_t old_size = 1; old_size < size; ++old_size) {
      const Hash old_root = RootOf(tree.first(old_size));
      const std::vector<Hash> proof = ConsistencyProof(tree, old_size).value();
      EXPECT_FALSE(VerifyConsistency(old_size, size, proof, other, root).ok());
      EXPECT_FALSE(VerifyConsistency(old_size, size, proof, old_root, other).ok());
      for (const std::vector<Hash>& spoiled : Spoiled(proof)) {
        EXPECT_FALSE(VerifyConsistency(old_size, size, spoiled, old_root, root).ok());
      }
    }
  }
}

TEST(Consistency, FindsAnOldRecordThatWasChanged) {
  std::vector<Hash> leaves = Leaves(13);
  const Hash old_root = RootOf(std::span(leaves).first(6));
  leaves[2] = HashLeaf(AsBytes("forged"));
  const std::vector<Hash> proof = ConsistencyProof(leaves, 6).value();
  EXPECT_FALSE(VerifyConsistency(6, 13, proof, old_root, RootOf(leaves)).ok());
}

TEST(Consistency, KnowsItsLimits) {
  EXPECT_FALSE(ConsistencyProof(Leaves(3), 0).ok());
  EXPECT_FALSE(ConsistencyProof(Leaves(3), 4).ok());
  const Hash root = RootOf(Leaves(3));
  EXPECT_TRUE(VerifyConsistency(3, 3, {}, root, root).ok());
  EXPECT_FALSE(VerifyConsistency(3, 3, Leaves(1), root, root).ok());
  EXPECT_FALSE(VerifyConsistency(3, 3, {}, root, EmptyRoot()).ok());
  EXPECT_FALSE(VerifyConsistency(0, 3, {}, EmptyRoot(), root).ok());
  EXPECT_FALSE(VerifyConsistency(4, 3, {}, root, root).ok());
  EXPECT_FALSE(VerifyConsistency(3, 5, {}, root, root).ok());
}

TEST(HashFromBytes, WantsExactly32) {
  EXPECT_TRUE(HashFromBytes(Bytes(32)).ok());
  EXPECT_FALSE(HashFromBytes(Bytes(31)).ok());
  EXPECT_FALSE(HashFromBytes(Bytes(33)).ok());
}

}  // namespace
}  // namespace twinseal::merkle
