#include <array>
#include <string>

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include "tests/support/results.h"
#include "tests/unit/firmware/core/vault/blobs.h"

namespace twinseal::core {
namespace {

using test::FailsWith;
using test::Succeeds;

class BlobKindTest : public testing::TestWithParam<BlobKind> {
 protected:
  Blob blob() const {
    switch (GetParam()) {
      case BlobKind::kReplica:
        return ReplicaBlobOf(VaultBlob());
      case BlobKind::kVault:
        return VaultBlob();
      case BlobKind::kTokenReference:
        break;
    }
    return TokenReferenceOf(VaultBlob());
  }
};
INSTANTIATE_TEST_SUITE_P(Each, BlobKindTest,
                         testing::Values(BlobKind::kReplica, BlobKind::kVault,
                                         BlobKind::kTokenReference));

TEST_P(BlobKindTest, GoesThereAndBack) {
  const Blob before = blob();
  const Bytes bytes = EncodeBlob(before);
  const auto after = DecodeBlob(bytes);
  ASSERT_THAT(after, Succeeds());
  EXPECT_EQ(EncodeBlob(*after), bytes);
  EXPECT_EQ(after->kind, before.kind);
  EXPECT_EQ(after->key_wrap, before.key_wrap);
  EXPECT_EQ(after->kek_wrap, before.kek_wrap);
  EXPECT_EQ(after->header.id, before.header.id);
  EXPECT_EQ(after->header.version, before.header.version);
  EXPECT_EQ(after->header.revision, before.header.revision);
  EXPECT_EQ(after->header.algorithm, before.header.algorithm);
  EXPECT_EQ(after->header.storage, before.header.storage);
  EXPECT_EQ(after->header.state, before.header.state);
  EXPECT_EQ(after->header.policy.SerializeAsString(), before.header.policy.SerializeAsString());
  EXPECT_TRUE(after->header.policy.has_min_destruction_wait_seconds());
  EXPECT_EQ(after->header.public_key, before.header.public_key);
  EXPECT_EQ(after->generation, before.generation);
  EXPECT_EQ(after->wrapped_kek, before.wrapped_kek);
  EXPECT_EQ(after->wrapped_key, before.wrapped_key);
  EXPECT_EQ(after->binding, before.binding);
}

TEST_P(BlobKindTest, EveryCutIsRefused) {
  const Bytes bytes = EncodeBlob(blob());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeBlob(BytesView(bytes).first(size)), FailsWith(Code::kDataLoss, "")) << size;
  }
}

TEST_P(BlobKindTest, BytesBehindTheEndAreRefused) {
  Bytes bytes = EncodeBlob(blob());
  bytes.push_back(0);
  EXPECT_THAT(DecodeBlob(bytes), FailsWith(Code::kDataLoss, "behind its end"));
}

TEST_P(BlobKindTest, AChangedByteIsRefusedOrStaysItself) {
  const google::protobuf::LogSilencer quiet;  // It tells each name that is no UTF-8.
  // One form for each meaning: whatever is accepted is encoded as it came.
  const Bytes bytes = EncodeBlob(blob());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      Bytes changed = bytes;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ flip);
      const auto decoded = DecodeBlob(changed);
      if (decoded.ok()) {
        EXPECT_EQ(EncodeBlob(*decoded), changed) << at;
      } else {
        EXPECT_THAT(decoded, FailsWith(Code::kDataLoss, "")) << at;
      }
    }
  }
}

TEST(Blob, LengthsBeyondTheLimitsAreRefused) {
  Blob blob = VaultBlob();
  blob.header.public_key = Bytes(kMaxPublicKey + 1);
  EXPECT_THAT(DecodeBlob(EncodeBlob(blob)), FailsWith(Code::kDataLoss, "too long"));
  blob = VaultBlob();
  blob.wrapped_kek = Bytes(kMaxWrappedKek + 1);
  EXPECT_THAT(DecodeBlob(EncodeBlob(blob)), FailsWith(Code::kDataLoss, "too long"));
  blob = VaultBlob();
  blob.wrapped_key = Bytes(kMaxWrappedKey + 1);
  EXPECT_THAT(DecodeBlob(EncodeBlob(blob)), FailsWith(Code::kDataLoss, "too long"));
  blob = VaultBlob();
  blob.header.policy.add_applications(std::string(kMaxPolicy, 'a'));
  EXPECT_THAT(DecodeBlob(EncodeBlob(blob)), FailsWith(Code::kDataLoss, "too long"));
}

TEST(Blob, WhatDoesNotBelongTogetherIsRefused) {
  const auto refused = [](const auto& change) {
    Blob blob = VaultBlob();
    change(blob);
    return DecodeBlob(EncodeBlob(blob));
  };
  EXPECT_THAT(refused([](Blob& b) { b.kind = static_cast<BlobKind>(4); }),
              FailsWith(Code::kDataLoss, "kind"));
  EXPECT_THAT(refused([](Blob& b) { b.kind = BlobKind::kReplica; }),
              FailsWith(Code::kDataLoss, "KEK"));
  EXPECT_THAT(refused([](Blob& b) { b.header.storage = v1::TOKEN; }),
              FailsWith(Code::kDataLoss, "storage"));
  EXPECT_THAT(refused([](Blob& b) { b.generation = Generation{0}; }),
              FailsWith(Code::kDataLoss, "generation"));
  EXPECT_THAT(refused([](Blob& b) { b.wrapped_key.clear(); }),
              FailsWith(Code::kDataLoss, "private key"));
  EXPECT_THAT(refused([](Blob& b) { b.wrapped_kek.clear(); }), FailsWith(Code::kDataLoss, "KEK"));
  EXPECT_THAT(refused([](Blob& b) { b.header.version = KeyVersion{0}; }),
              FailsWith(Code::kDataLoss, "version"));
  EXPECT_THAT(refused([](Blob& b) { b.header.revision = KeyRevision{0}; }),
              FailsWith(Code::kDataLoss, "revision"));
  EXPECT_THAT(refused([](Blob& b) { b.header.algorithm = v1::ALGORITHM_UNSPECIFIED; }),
              FailsWith(Code::kDataLoss, "algorithm"));
  EXPECT_THAT(refused([](Blob& b) { b.header.state = v1::KEY_STATE_UNSPECIFIED; }),
              FailsWith(Code::kDataLoss, "state"));
  EXPECT_THAT(refused([](Blob& b) { b.header.public_key.clear(); }),
              FailsWith(Code::kDataLoss, "public key"));
}

TEST(Blob, APolicyHasOneForm) {
  // max_signatures_per_activation = 0 spelt out means the same as leaving it out.
  const Blob blob = VaultBlob();
  Bytes bytes = EncodeBlob(blob);
  const std::size_t length_at = 48 + 4 + blob.header.public_key.size();
  const std::size_t policy_size = EncodePolicy(blob.header.policy).size();
  const std::array<std::uint8_t, 2> spelt_out = {0x18, 0x00};
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(length_at + 4 + policy_size),
               spelt_out.begin(), spelt_out.end());
  bytes[length_at + 3] = static_cast<std::uint8_t>(bytes[length_at + 3] + 2);
  EXPECT_THAT(DecodeBlob(bytes), FailsWith(Code::kDataLoss, "one form"));
}

TEST(Blob, AnUnknownFormatIsNamed) {
  Bytes bytes = EncodeBlob(VaultBlob());
  bytes[4] = 2;
  EXPECT_THAT(DecodeBlob(bytes), FailsWith(Code::kDataLoss, "format is 2"));
}

TEST(Blob, TheBindingCoversEverythingElse) {
  const Blob blob = VaultBlob();
  const Bytes bytes = EncodeBlob(blob);
  EXPECT_EQ(Bytes(BoundPart(bytes).begin(), BoundPart(bytes).end()), EncodeBound(blob));
  EXPECT_EQ(BoundPart(bytes).size() + BindingPart(bytes).size(), bytes.size());
  EXPECT_TRUE(std::ranges::equal(BindingPart(bytes), blob.binding));
}

TEST(KeyHeader, GoesThereAndBack) {
  const KeyHeader before = VaultBlob().header;
  const auto after = HeaderFromProto(HeaderToProto(before));
  ASSERT_THAT(after, Succeeds());
  EXPECT_EQ(HeaderToProto(*after).SerializeAsString(), HeaderToProto(before).SerializeAsString());
}

TEST(KeyHeader, RefusesWhatIsNotInTheContract) {
  const v1::KeyHeader good = HeaderToProto(VaultBlob().header);
  const auto refused = [&good](const auto& change) {
    v1::KeyHeader header = good;
    change(header);
    return HeaderFromProto(header);
  };
  EXPECT_THAT(refused([](auto& h) { h.set_key_id("short"); }),
              FailsWith(Code::kInvalidArgument, "key_id"));
  EXPECT_THAT(refused([](auto& h) { h.set_version(0); }),
              FailsWith(Code::kInvalidArgument, "version"));
  EXPECT_THAT(refused([](auto& h) { h.set_revision(0); }),
              FailsWith(Code::kInvalidArgument, "revision"));
  EXPECT_THAT(refused([](auto& h) { h.set_algorithm(static_cast<v1::Algorithm>(99)); }),
              FailsWith(Code::kInvalidArgument, "algorithm"));
  EXPECT_THAT(refused([](auto& h) { h.set_storage(static_cast<v1::Storage>(9)); }),
              FailsWith(Code::kInvalidArgument, "storage"));
  EXPECT_THAT(refused([](auto& h) { h.set_state(v1::KEY_STATE_UNSPECIFIED); }),
              FailsWith(Code::kInvalidArgument, "state"));
  EXPECT_THAT(refused([](auto& h) {
                h.mutable_policy()->add_applications(std::string(kMaxPolicy + 1, 'a'));
              }),
              FailsWith(Code::kInvalidArgument, "policy"));
}

}  // namespace
}  // namespace twinseal::core
