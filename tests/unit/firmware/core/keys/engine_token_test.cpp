// Keys that stay on the token, and what a token cannot do.
#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

class EngineTokenTest : public EngineTest {
 protected:
  static KeyHeader OnToken(v1::Algorithm algorithm) {
    KeyHeader header = Header(algorithm);
    header.storage = v1::TOKEN;
    return header;
  }
};
TWINSEAL_ENGINE_ON_EACH_TOKEN(EngineTokenTest);

class SoftHsmEngineTokenTest : public EngineTokenTest {};
INSTANTIATE_TEST_SUITE_P(On, SoftHsmEngineTokenTest, testing::Values(test::TokenKind::kSoftHsm),
                         TokenName);

TEST_P(EngineTokenTest, SignsWithoutAnyWrapping) {
  const ReplicaBlob key = NewKey(OnToken(v1::EC_P256));
  const Bytes before = RecordOf(key.header);
  EXPECT_EQ(before, key.bytes);
  ExpectSigns(key.header);
  EXPECT_EQ(RecordOf(key.header), before);
  EXPECT_EQ(engine_->counters().activations, 0U);
  Restart();
  ExpectSigns(key.header);
}

TEST_P(EngineTokenTest, StateAndRevisionBindAsInTheVault) {
  const ReplicaBlob key = NewKey(OnToken(v1::EC_P256));
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "disabled"));
  PutRecord(key.header, key.bytes);
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kDataLoss, "revision 1, and revision 2"));
}

TEST_P(EngineTokenTest, ErasingTakesEveryVersionFromTheToken) {
  const ReplicaBlob key = NewKey(OnToken(v1::EC_P256));
  KeyHeader next = key.header;
  next.version = KeyVersion{2};
  next.revision = KeyRevision{2};
  const ReplicaBlob rotated = NewKey(next);
  const ReplicaBlob other = NewKey(OnToken(v1::EC_P256));
  hsm::Template match;
  const std::string label = "twinseal-key-" + key.header.id.Hex();
  match.Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  EXPECT_EQ(session_->Find(match)->size(), 4U);
  ASSERT_THAT(engine_->Erase(*bench_, key.header.id), Succeeds());
  EXPECT_EQ(session_->Find(match)->size(), 0U);
  EXPECT_THAT(Sign(rotated.header), FailsWith(Code::kFailedPrecondition, "destroyed"));
  ExpectSigns(other.header);
}

TEST_P(EngineTokenTest, AKeyThatIsOnAnotherTokenIsNamed) {
  const ReplicaBlob key = NewKey(OnToken(v1::EC_P256));
  hsm::Template match;
  const std::string label = "twinseal-key-" + key.header.id.Hex();
  match.Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  const auto found = session_->Find(match);
  ASSERT_THAT(found, Succeeds());
  for (const hsm::Object object : *found) {
    ASSERT_THAT(session_->Destroy(object), Succeeds());
  }
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kNotFound, key.header.id.Hex()));
}

TEST_P(EngineTokenTest, AVersionMadeSeveralTimesSignsWithTheRecordedOne) {
  // What a crash before the ledger's commit leaves: the version is made again.
  const KeyHeader header = OnToken(v1::EC_P256);
  ASSERT_THAT(engine_->Generate(*bench_, header), Succeeds());
  const auto key = engine_->Generate(*bench_, header);
  ASSERT_THAT(key, Succeeds());
  ASSERT_THAT(engine_->Generate(*bench_, header), Succeeds());
  ASSERT_THAT(engine_->Install(*bench_, key->bytes), Succeeds());
  ExpectSigns(key->header);
  EXPECT_THAT(engine_->vault().Damaged(), testing::IsEmpty());
}

TEST_P(SoftHsmEngineTokenTest, Ed25519IsRefusedInTheVaultAndWorksOnTheToken) {
  const auto refused = engine_->Generate(*bench_, Header(v1::ED25519));
  EXPECT_THAT(refused, FailsWith(Code::kUnimplemented, "ed25519"));
  EXPECT_THAT(refused, FailsWith(Code::kUnimplemented, "--storage token"));
  EXPECT_EQ(SessionObjects(), 0U);
  const ReplicaBlob key = NewKey(OnToken(v1::ED25519));
  const SignOrder order = Order(v1::ED25519_PURE, 3);
  ExpectValid(key.header, order, Sign(key.header, order));
}

TEST_P(SoftHsmEngineTokenTest, EverySchemeWorksOnTheToken) {
  for (const v1::Algorithm algorithm : {v1::EC_P384, v1::EC_P521, v1::RSA_2048}) {
    const ReplicaBlob key = NewKey(OnToken(algorithm));
    for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
      if (!crypto::Fits(scheme, *crypto::Find(algorithm))) continue;
      const SignOrder order = Order(scheme.id);
      ExpectValid(key.header, order, Sign(key.header, order));
    }
  }
}

}  // namespace
}  // namespace twinseal::core
