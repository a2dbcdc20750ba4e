// A whole older vault put back is noticed by what the token remembers.
#include <filesystem>

#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

// NSS softokn keeps no data objects: there the engine goes without.
class EngineAnchorTest : public EngineTest {
 protected:
  std::filesystem::path file() const { return token_.folder() / "vault" / "vault.db"; }
  std::filesystem::path copy() const { return token_.folder() / "copy.db"; }
};
INSTANTIATE_TEST_SUITE_P(On, EngineAnchorTest, testing::Values(test::TokenKind::kSoftHsm),
                         TokenName);

TEST_P(EngineAnchorTest, AnOlderVaultIsRefusedAndSaysWhatToDo) {
  const ReplicaBlob key = NewKey();
  CloseEngine();
  std::filesystem::copy_file(file(), copy());
  OpenEngine();
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  ASSERT_THAT(engine_->Anchor(*bench_), Succeeds());
  CloseEngine();
  std::filesystem::rename(file(), token_.folder() / "newest.db");
  std::filesystem::rename(copy(), file());
  OpenEngine();
  EXPECT_THAT(engine_->Prepare(*bench_), FailsWith(Code::kDataLoss, "twinseal-vault-anchor"));
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kDataLoss, file().string()));
  CloseEngine();
  std::filesystem::rename(token_.folder() / "newest.db", file());
  OpenEngine();
  EXPECT_THAT(engine_->Prepare(*bench_), Succeeds());
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "disabled"));
}

TEST_P(EngineAnchorTest, RepeatedAnchorsLeaveOneObject) {
  NewKey();
  for (int i = 0; i < 3; ++i) ASSERT_THAT(engine_->Anchor(*bench_), Succeeds());
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_DATA).Bool(CKA_TOKEN, true).Text(CKA_LABEL, "twinseal-vault-anchor");
  EXPECT_EQ(session_->Find(match)->size(), 1U);
  Restart();
  EXPECT_THAT(engine_->Prepare(*bench_), Succeeds());
}

}  // namespace
}  // namespace twinseal::core
