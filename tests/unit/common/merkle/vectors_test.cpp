// The reference tree of Certificate Transparency; testdata names its origin.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/merkle/merkle.h"

namespace twinseal::merkle {
namespace {

struct Proof {
  std::uint64_t first;
  std::uint64_t size;
  std::vector<Hash> hashes;
};

struct Vectors {
  std::vector<Hash> leaves;
  std::vector<Hash> roots;
  std::vector<Proof> inclusion;
  std::vector<Proof> consistency;
};

Hash FromHex(const std::string& hex) { return HashFromBytes(HexDecode(hex).value()).value(); }

Proof ReadProof(std::istream& line) {
  Proof proof;
  line >> proof.first >> proof.size;
  for (std::string hash; line >> hash;) proof.hashes.push_back(FromHex(hash));
  return proof;
}

Vectors Read() {
  std::ifstream file(TWINSEAL_TEST_DATA "/certificate_transparency.txt");
  Vectors vectors;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string kind;
    line >> kind;
    if (kind == "leaf") {
      std::string data;
      line >> data;
      vectors.leaves.push_back(HashLeaf(data == "-" ? Bytes{} : HexDecode(data).value()));
    } else if (kind == "root") {
      std::size_t size = 0;
      std::string hash;
      line >> size >> hash;
      EXPECT_EQ(size, vectors.roots.size());
      vectors.roots.push_back(FromHex(hash));
    } else if (kind == "inclusion") {
      vectors.inclusion.push_back(ReadProof(line));
    } else if (kind == "consistency") {
      vectors.consistency.push_back(ReadProof(line));
    }
  }
  return vectors;
}

TEST(CertificateTransparencyVectors, AreAllThere) {
  const Vectors vectors = Read();
  EXPECT_EQ(vectors.leaves.size(), 8U);
  EXPECT_EQ(vectors.roots.size(), 9U);
  EXPECT_EQ(vectors.inclusion.size(), 5U);
  EXPECT_EQ(vectors.consistency.size(), 4U);
}

TEST(CertificateTransparencyVectors, RootsOfEverySize) {
  const Vectors vectors = Read();
  Frontier frontier;
  for (std::size_t size = 0; size <= vectors.leaves.size(); ++size) {
    EXPECT_EQ(RootOf(std::span(vectors.leaves).first(size)), vectors.roots.at(size)) << size;
    EXPECT_EQ(frontier.Root(), vectors.roots.at(size)) << size;
    if (size < vectors.leaves.size()) frontier.Append(vectors.leaves.at(size));
  }
}

TEST(CertificateTransparencyVectors, InclusionProofs) {
  const Vectors vectors = Read();
  for (const Proof& proof : vectors.inclusion) {
    const auto leaves = std::span(vectors.leaves).first(proof.size);
    EXPECT_EQ(InclusionProof(leaves, proof.first).value(), proof.hashes) << proof.first;
    EXPECT_TRUE(VerifyInclusion(proof.first, proof.size, vectors.leaves.at(proof.first),
                                proof.hashes, vectors.roots.at(proof.size))
                    .ok());
  }
}

TEST(CertificateTransparencyVectors, ConsistencyProofs) {
  const Vectors vectors = Read();
  for (const Proof& proof : vectors.consistency) {
    const auto leaves = std::span(vectors.leaves).first(proof.size);
    EXPECT_EQ(ConsistencyProof(leaves, proof.first).value(), proof.hashes) << proof.first;
    EXPECT_TRUE(VerifyConsistency(proof.first, proof.size, proof.hashes,
                                  vectors.roots.at(proof.first), vectors.roots.at(proof.size))
                    .ok());
  }
}

}  // namespace
}  // namespace twinseal::merkle
