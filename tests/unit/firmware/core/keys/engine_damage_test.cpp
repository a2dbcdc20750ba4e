// A record that is not what was stored is refused by name, and the others go on working.
#include "firmware/core/keys/binding.h"
#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

class EngineDamageTest : public EngineTest {
 protected:
  void ExpectRefused(const KeyHeader& header, std::string_view why) {
    const auto answer = Sign(header);
    EXPECT_THAT(answer, FailsWith(Code::kDataLoss, std::string(why)));
    EXPECT_THAT(answer, FailsWith(Code::kDataLoss, header.id.Hex() + " version 1"));
  }
};
TWINSEAL_ENGINE_ON_EACH_TOKEN(EngineDamageTest);

TEST_P(EngineDamageTest, EveryByteOfARecordMatters) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob other = NewKey();
  const Bytes record = RecordOf(key.header);
  for (std::size_t at = 0; at < record.size(); ++at) {
    SCOPED_TRACE(at);
    Bytes damaged = record;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ (1U << (at % 8)));
    PutRecord(key.header, damaged);
    ExpectRefused(key.header, "refused");
    if (at % 50 == 0) ExpectSigns(other.header);
  }
  EXPECT_EQ(engine_->counters().activations, (record.size() + 49) / 50);
  EXPECT_THAT(engine_->vault().Damaged(),
              testing::ElementsAre(testing::StartsWith(key.header.id.Hex() + " version 1: ")));
  PutRecord(key.header, record);
  ExpectSigns(key.header);
  EXPECT_THAT(engine_->vault().Damaged(), testing::IsEmpty());
  EXPECT_EQ(SessionObjects(), 0U);
}

TEST_P(EngineDamageTest, TwoKeysRecordsSwapped) {
  const ReplicaBlob a = NewKey();
  const ReplicaBlob b = NewKey();
  const ReplicaBlob c = NewKey();
  const Bytes record_a = RecordOf(a.header);
  PutRecord(a.header, RecordOf(b.header));
  PutRecord(b.header, record_a);
  ExpectRefused(a.header, "record of " + b.header.id.Hex());
  ExpectRefused(b.header, "record of " + a.header.id.Hex());
  ExpectSigns(c.header);
}

TEST_P(EngineDamageTest, AnOlderGenerationPutBack) {
  const ReplicaBlob key = NewKey();
  const Bytes old = RecordOf(key.header);
  ExpectSigns(key.header);
  PutRecord(key.header, old);
  ExpectRefused(key.header, "generation 1, and generation 2");
  CloseEngine();
  OpenEngine();
  ExpectRefused(key.header, "generation 1, and generation 2");
}

TEST_P(EngineDamageTest, AnOlderPolicyPutBack) {
  const ReplicaBlob key = NewKey();
  const Bytes old = RecordOf(key.header);
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  PutRecord(key.header, old);
  ExpectRefused(key.header, "revision 1, and revision 2");
}

TEST_P(EngineDamageTest, ARecordCutShortOrEmptied) {
  const ReplicaBlob key = NewKey();
  Bytes record = RecordOf(key.header);
  record.resize(record.size() / 2);
  PutRecord(key.header, record);
  ExpectRefused(key.header, "cut short");
  PutRecord(key.header, Bytes{0});
  ExpectRefused(key.header, "TSLB");
}

TEST_P(EngineDamageTest, TheReplicaInTheVaultsPlace) {
  const ReplicaBlob key = NewKey();
  PutRecord(key.header, key.bytes);
  ExpectRefused(key.header, "replica blob");
}

TEST_P(EngineDamageTest, InstallingTheReplicaMendsIt) {
  const ReplicaBlob key = NewKey();
  Bytes record = RecordOf(key.header);
  record.back() = static_cast<std::uint8_t>(record.back() ^ 1);
  PutRecord(key.header, record);
  ExpectRefused(key.header, "binding");
  ASSERT_THAT(engine_->Install(*bench_, key.bytes), Succeeds());
  ExpectSigns(key.header);
  EXPECT_THAT(engine_->vault().Damaged(), testing::IsEmpty());
}

TEST_P(EngineDamageTest, ARecordThatTheHsmWrappedWronglyIsGivenUpForTheReplica) {
  const ReplicaBlob key = NewKey();
  const auto keys = FindDomainKeys(*session_);
  ASSERT_THAT(keys, Succeeds());
  for (Bytes Blob::*wrapping : {&Blob::wrapped_key, &Blob::wrapped_kek}) {
    auto record = DecodeBlob(RecordOf(key.header));
    ASSERT_THAT(record, Succeeds());
    (*record.*wrapping)[20] ^= 1;
    const auto bound = Bind(*session_, *keys, *record);
    ASSERT_THAT(bound, Succeeds());
    PutRecord(key.header, *bound);
    EXPECT_THAT(Sign(key.header), FailsWith(Code::kAborted, "install its replica blob"));
    ASSERT_THAT(engine_->Install(*bench_, key.bytes), Succeeds());
    ExpectSigns(key.header);
  }
  EXPECT_EQ(SessionObjects(), 0U);
}

TEST_P(EngineDamageTest, AnotherDomainsRecordIsRefused) {
  const ReplicaBlob key = NewKey();
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_TOKEN, true).Text(CKA_LABEL, "twinseal-binding");
  const auto found = session_->Find(match);
  ASSERT_THAT(found, Succeeds());
  ASSERT_EQ(found->size(), 1U);
  ASSERT_THAT(session_->Destroy(found->front()), Succeeds());
  auto fresh = hsm::GenerateMacKey(
      *session_, {.token = true, .extractable = true, .label = "twinseal-binding", .id = {}});
  ASSERT_THAT(fresh, Succeeds());
  fresh->Release();
  session_->ForgetTokenObjects();
  ExpectRefused(key.header, "binding does not hold");
  EXPECT_THAT(engine_->Install(*bench_, key.bytes),
              FailsWith(Code::kDataLoss, "binding does not hold"));
}

}  // namespace
}  // namespace twinseal::core
