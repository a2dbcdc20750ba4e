#include "common/audit/checkpoint.h"

#include <gtest/gtest.h>

#include "tests/unit/common/audit/test_key.h"

namespace twinseal::audit {
namespace {

TreeHead Head() { return {"a", 42, merkle::HashLeaf(AsBytes("x")), 1763700000000000}; }

TEST(CheckpointText, IsExactlyTheDocumentedOne) {
  const TreeHead head{"zurich-1", 7, merkle::EmptyRoot(), 1763700000123456};
  EXPECT_EQ(CheckpointText(head),
            "twinseal/audit/zurich-1\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\ntime "
            "1763700000123456\n");
}

TEST(VerifyCheckpoint, HoldsForWhatWasSigned) {
  const TestKey key;
  const SignatureCheck check = CheckWithPublicKey(key.Pem()).value();
  EXPECT_TRUE(VerifyCheckpoint(key.Checkpoint(Head()), Site(), check).ok());
}

TEST(VerifyCheckpoint, FailsWhenAnyFieldChanged) {
  const TestKey key;
  const SignatureCheck check = CheckWithPublicKey(key.Pem()).value();
  const v1::AuditCheckpoint good = key.Checkpoint(Head());
  const auto refused = [&](auto change) {
    v1::AuditCheckpoint bad = good;
    change(bad);
    const Status status = VerifyCheckpoint(bad, Site(), check);
    return !status.ok() && status.error().code() == Code::kDataLoss;
  };
  EXPECT_TRUE(refused([](auto& bad) { bad.set_tree_size(43); }));
  EXPECT_TRUE(refused([](auto& bad) { bad.set_time_unix_us(1); }));
  EXPECT_TRUE(refused([](auto& bad) { bad.set_site("b"); }));
  EXPECT_TRUE(refused([](auto& bad) { bad.set_site("a\n42"); }));
  EXPECT_TRUE(refused([](auto& bad) { (*bad.mutable_root_hash())[5] ^= 1; }));
  EXPECT_TRUE(refused([](auto& bad) { bad.mutable_root_hash()->pop_back(); }));
  EXPECT_TRUE(refused([](auto& bad) { bad.clear_signature(); }));
  EXPECT_TRUE(refused([](auto& bad) { bad.mutable_signature()->back() ^= 1; }));
}

TEST(VerifyCheckpoint, FailsForAnotherKeyAndAnotherSite) {
  const TestKey key;
  const v1::AuditCheckpoint checkpoint = key.Checkpoint(Head());
  EXPECT_FALSE(
      VerifyCheckpoint(checkpoint, Site(), CheckWithPublicKey(TestKey().Pem()).value()).ok());
  EXPECT_FALSE(VerifyCheckpoint(checkpoint, SiteName::Parse("b").value(),
                                CheckWithPublicKey(key.Pem()).value())
                   .ok());
}

TEST(CheckWithPublicKey, RefusesWhatIsNoKey) {
  EXPECT_FALSE(CheckWithPublicKey("").ok());
  EXPECT_FALSE(CheckWithPublicKey("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n").ok());
}

}  // namespace
}  // namespace twinseal::audit
