// Every algorithm and scheme, and what is refused before a key is touched.
#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

class EngineSignTest : public EngineTest {};
TWINSEAL_ENGINE_ON_EACH_TOKEN(EngineSignTest);

class SoftHsmEngineSignTest : public EngineSignTest {};
INSTANTIATE_TEST_SUITE_P(On, SoftHsmEngineSignTest, testing::Values(test::TokenKind::kSoftHsm),
                         TokenName);

TEST_P(EngineSignTest, EverySchemeOfEveryAlgorithmVerifies) {
  for (const crypto::AlgorithmInfo& algorithm : crypto::Algorithms()) {
    // RSA 3072 and 4096 take a second and more to make each; one of them stands for both.
    if (algorithm.id == v1::ED25519 || algorithm.id == v1::RSA_4096) continue;
    SCOPED_TRACE(algorithm.name);
    const ReplicaBlob key = NewKey(algorithm.id);
    for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
      SCOPED_TRACE(scheme.name);
      const SignOrder order = Order(scheme.id, 2);
      const auto signatures = Sign(key.header, order);
      if (crypto::Fits(scheme, algorithm)) {
        ExpectValid(key.header, order, signatures);
      } else {
        EXPECT_THAT(signatures, FailsWith(Code::kInvalidArgument, scheme.name));
      }
    }
  }
  EXPECT_EQ(SessionObjects(), 0U);
}

TEST_P(EngineSignTest, TheRecordIsAnotherAfterEachOperation) {
  const ReplicaBlob key = NewKey();
  const Bytes first = RecordOf(key.header);
  ExpectSigns(key.header);
  const Bytes second = RecordOf(key.header);
  ExpectSigns(key.header);
  const Bytes third = RecordOf(key.header);
  const auto before = DecodeBlob(second);
  const auto after = DecodeBlob(third);
  ASSERT_THAT(before, Succeeds());
  ASSERT_THAT(after, Succeeds());
  EXPECT_NE(first, second);
  EXPECT_NE(before->wrapped_kek, after->wrapped_kek);
  EXPECT_NE(before->wrapped_key, after->wrapped_key);
  EXPECT_EQ(Number(before->generation) + 1, Number(after->generation));
  EXPECT_EQ(engine_->counters().activations, 2U);
  EXPECT_EQ(engine_->counters().signatures, 2U);
}

TEST_P(EngineSignTest, NothingOfTheKeyIsInTheVaultUnderTheDomainKek) {
  const ReplicaBlob key = NewKey();
  const auto replica = DecodeBlob(key.bytes);
  const auto record = DecodeBlob(RecordOf(key.header));
  ASSERT_THAT(replica, Succeeds());
  ASSERT_THAT(record, Succeeds());
  EXPECT_NE(replica->wrapped_key, record->wrapped_key);
  EXPECT_EQ(record->kind, BlobKind::kVault);
}

TEST_P(EngineSignTest, ARestartForgetsNothing) {
  const ReplicaBlob key = NewKey();
  ExpectSigns(key.header);
  Restart();
  ExpectSigns(key.header);
}

TEST_P(EngineSignTest, WrongDigestsAndSchemesAreRefusedByName) {
  const ReplicaBlob key = NewKey();
  SignOrder order = Order(v1::ECDSA_SHA256);
  order.items[0].digest.pop_back();
  EXPECT_THAT(Sign(key.header, order), FailsWith(Code::kInvalidArgument, "31"));
  EXPECT_THAT(Sign(key.header, {}), FailsWith(Code::kInvalidArgument, "nothing to sign"));
  EXPECT_THAT(Sign(key.header, {{{.scheme = v1::SCHEME_UNSPECIFIED, .digest = Bytes(32)}}}),
              FailsWith(Code::kInvalidArgument, "scheme"));
  // One bad item of many: nothing is signed.
  order = Order(v1::ECDSA_SHA256, 3);
  order.items[2].digest.clear();
  const Bytes before = RecordOf(key.header);
  EXPECT_THAT(Sign(key.header, order), FailsWith(Code::kInvalidArgument, ""));
  EXPECT_EQ(RecordOf(key.header), before);
  EXPECT_EQ(engine_->counters().activations, 0U);
}

TEST_P(EngineSignTest, ThePolicysSchemesAreHeldTo) {
  KeyHeader header = Header(v1::RSA_2048);
  header.policy.add_schemes(v1::RSA_PSS_SHA256);
  const ReplicaBlob key = NewKey(header);
  EXPECT_THAT(Sign(key.header, Order(v1::RSA_PSS_SHA256)), Succeeds());
  EXPECT_THAT(Sign(key.header, Order(v1::RSA_PKCS1_SHA256)),
              FailsWith(Code::kPermissionDenied, "rsa-pkcs1-sha256"));
}

TEST_P(EngineSignTest, ABatchIsOneActivation) {
  const ReplicaBlob key = NewKey();
  const SignOrder order = Order(v1::ECDSA_SHA256, 64);
  ExpectValid(key.header, order, Sign(key.header, order));
  EXPECT_EQ(engine_->counters().activations, 1U);
  EXPECT_EQ(engine_->counters().signatures, 64U);
}

TEST_P(EngineSignTest, AKeyThatTheVaultDoesNotHaveIsAskedFor) {
  const auto made = engine_->Generate(*bench_, Header());
  ASSERT_THAT(made, Succeeds());
  EXPECT_THAT(Sign(made->header), FailsWith(Code::kAborted, "no record"));
  ASSERT_THAT(engine_->Install(*bench_, made->bytes), Succeeds());
  ExpectSigns(made->header);
}

TEST_P(SoftHsmEngineSignTest, TwoThousandKeysLiveSideBySide) {
  constexpr int kKeys = 2000;
  std::vector<KeyHeader> headers;
  for (int i = 0; i < kKeys; ++i) headers.push_back(NewKey().header);
  EXPECT_EQ(engine_->vault().size(), static_cast<std::uint64_t>(kKeys));
  for (std::size_t i = 0; i < headers.size(); i += 97) ExpectSigns(headers[i]);
  Restart();
  EXPECT_EQ(engine_->vault().size(), static_cast<std::uint64_t>(kKeys));
  for (std::size_t i = 5; i < headers.size(); i += 97) ExpectSigns(headers[i]);
  EXPECT_EQ(SessionObjects(), 0U);
}

}  // namespace
}  // namespace twinseal::core
