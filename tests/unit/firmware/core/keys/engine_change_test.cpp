// Changes: revisions, versions, destruction, and what may not come back.
#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

class EngineChangeTest : public EngineTest {};
TWINSEAL_ENGINE_ON_EACH_TOKEN(EngineChangeTest);

TEST_P(EngineChangeTest, ADisabledKeyDoesNotSignUntilItIsEnabled) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  EXPECT_EQ(disabled.header.state, v1::DISABLED);
  ExpectSigns(key.header);  // Revise alone changes nothing.
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  EXPECT_THAT(Sign(disabled.header), FailsWith(Code::kFailedPrecondition, "disabled"));
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "disabled"));
  const ReplicaBlob pending = Revised(disabled, v1::PENDING_DESTRUCTION);
  ASSERT_THAT(engine_->Install(*bench_, pending.bytes), Succeeds());
  EXPECT_THAT(Sign(pending.header), FailsWith(Code::kFailedPrecondition, "pending destruction"));
  const ReplicaBlob enabled = Revised(pending, v1::ENABLED);
  ASSERT_THAT(engine_->Install(*bench_, enabled.bytes), Succeeds());
  ExpectSigns(enabled.header);
}

TEST_P(EngineChangeTest, AnOlderReplicaIsNotTakenAfterANewer) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(engine_->Install(*bench_, key.bytes),
                FailsWith(Code::kFailedPrecondition, "revision 2 was seen"));
    EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "disabled"));
    EXPECT_THAT(engine_->Revise(*bench_, key.bytes,
                                {.state = v1::ENABLED, .policy = {}, .revision = KeyRevision{9}}),
                FailsWith(Code::kFailedPrecondition, "revision 2 was seen"));
    Restart();
  }
}

TEST_P(EngineChangeTest, TheCallersNewerViewIsAskedFor) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob revised = Revised(key, v1::ENABLED);
  EXPECT_THAT(Sign(revised.header), FailsWith(Code::kAborted, "revision 1"));
  ASSERT_THAT(engine_->Install(*bench_, revised.bytes), Succeeds());
  ExpectSigns(revised.header);
}

TEST_P(EngineChangeTest, TellsWhichRevisionWasSeen) {
  const ReplicaBlob key = NewKey();
  EXPECT_EQ(engine_->SeenRevision(*bench_, key.header.id).value(), KeyRevision{1});
  ASSERT_THAT(engine_->Install(*bench_, Revised(key, v1::DISABLED).bytes), Succeeds());
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(engine_->SeenRevision(*bench_, key.header.id).value(), KeyRevision{2});
    Restart();
  }
  EXPECT_EQ(engine_->SeenRevision(*bench_, KeyId::Random()).value(), KeyRevision{0});
}

TEST_P(EngineChangeTest, InstallIsIdempotent) {
  const ReplicaBlob key = NewKey();
  const Bytes before = RecordOf(key.header);
  ASSERT_THAT(engine_->Install(*bench_, key.bytes), Succeeds());
  EXPECT_EQ(RecordOf(key.header), before);
}

TEST_P(EngineChangeTest, TwoReplicasOfOneRevisionDoNotMix) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  v1::KeyPolicy policy;
  policy.add_applications("other");
  const ReplicaBlob other = Revised(key, v1::ENABLED, policy);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  EXPECT_THAT(engine_->Install(*bench_, other.bytes),
              FailsWith(Code::kFailedPrecondition, "another state or policy"));
}

TEST_P(EngineChangeTest, ARevisionMustBeHigher) {
  const ReplicaBlob key = NewKey();
  EXPECT_THAT(
      engine_->Revise(*bench_, key.bytes,
                      {.state = v1::DISABLED, .policy = {}, .revision = key.header.revision}),
      FailsWith(Code::kFailedPrecondition, "revision 1"));
  EXPECT_THAT(engine_->Revise(
                  *bench_, key.bytes,
                  {.state = v1::KEY_STATE_UNSPECIFIED, .policy = {}, .revision = KeyRevision{2}}),
              FailsWith(Code::kInvalidArgument, "state"));
}

TEST_P(EngineChangeTest, OldVersionsNoLongerSign) {
  const ReplicaBlob key = NewKey();
  KeyHeader next = key.header;
  next.version = KeyVersion{2};
  next.revision = KeyRevision{2};
  const ReplicaBlob rotated = NewKey(next);
  EXPECT_NE(rotated.header.public_key, key.header.public_key);
  ExpectSigns(rotated.header);
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "no longer signs"));
    // It is what it says to be, so there is no error; it is not stored either.
    ASSERT_THAT(engine_->Install(*bench_, key.bytes), Succeeds());
    EXPECT_EQ(engine_->vault().size(), 1U);
    Restart();
  }
  ExpectSigns(rotated.header);
  EXPECT_THAT(engine_->Generate(*bench_, key.header),
              FailsWith(Code::kFailedPrecondition, "exists already"));
}

TEST_P(EngineChangeTest, ADestroyedKeyNeverComesBack) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob other = NewKey();
  ASSERT_THAT(engine_->Erase(*bench_, key.header.id), Succeeds());
  ASSERT_THAT(engine_->Erase(*bench_, key.header.id), Succeeds());
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "destroyed"));
    EXPECT_THAT(engine_->Install(*bench_, key.bytes),
                FailsWith(Code::kFailedPrecondition, "destroyed"));
    EXPECT_THAT(engine_->Revise(*bench_, key.bytes,
                                {.state = v1::ENABLED, .policy = {}, .revision = KeyRevision{5}}),
                FailsWith(Code::kFailedPrecondition, "destroyed"));
    EXPECT_THAT(engine_->Generate(*bench_, key.header),
                FailsWith(Code::kFailedPrecondition, "destroyed"));
    ExpectSigns(other.header);
    Restart();
  }
}

TEST_P(EngineChangeTest, AReplicaWithAnyByteChangedIsRefused) {
  const ReplicaBlob key = *engine_->Generate(*bench_, Header());
  for (std::size_t at = 0; at < key.bytes.size(); ++at) {
    Bytes changed = key.bytes;
    changed[at] = static_cast<std::uint8_t>(changed[at] ^ 0x20);
    EXPECT_THAT(engine_->Install(*bench_, changed), FailsWith(Code::kDataLoss, "replica blob"))
        << at;
  }
  EXPECT_EQ(engine_->vault().size(), 0U);
  EXPECT_THAT(engine_->Install(*bench_, key.bytes), Succeeds());
}

TEST_P(EngineChangeTest, AVaultBlobIsNoReplica) {
  const ReplicaBlob key = NewKey();
  EXPECT_THAT(engine_->Install(*bench_, RecordOf(key.header)),
              FailsWith(Code::kInvalidArgument, "vault blob"));
}

TEST_P(EngineChangeTest, ATokenThatWasNotSetUpIsNamed) {
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_TOKEN, true).Text(CKA_LABEL, "twinseal-binding");
  const auto found = session_->Find(match);
  ASSERT_THAT(found, Succeeds());
  ASSERT_EQ(found->size(), 1U);
  ASSERT_THAT(session_->Destroy(found->front()), Succeeds());
  session_->ForgetTokenObjects();
  EXPECT_THAT(engine_->Prepare(*bench_),
              FailsWith(Code::kFailedPrecondition, "'twinseal-binding'"));
}

}  // namespace
}  // namespace twinseal::core
