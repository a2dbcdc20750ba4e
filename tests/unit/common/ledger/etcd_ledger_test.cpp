// What only the etcd engine meets: members that stop, come back older, or are somebody else's.
#include "common/ledger/etcd_ledger.h"

#include <gmock/gmock.h>

#include "common/etcd/etcd.pb.h"
#include "tests/support/etcd_member.h"
#include "tests/unit/common/ledger/contract.h"
#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {
namespace {

class EtcdLedgerTest : public testing::Test {
 protected:
  void Open(Sighting seen = {}) {
    ledger_ = EtcdLedger::Open(member_.options(), TestSeal(), seen).value();
  }

  Result<Outcome> Put(const std::string& key, const std::string& value) {
    return ledger_->Commit({{}, {ledger::Put{key, ToBytes(value)}}});
  }
  Revision MustPut(const std::string& key) {
    const auto outcome = Put(key, "x");
    EXPECT_TRUE(outcome.ok()) << outcome.error().Describe();
    return outcome.ok() ? outcome->revision : Revision{};
  }

  test::EtcdMember member_;
  std::unique_ptr<EtcdLedger> ledger_;
};

TEST_F(EtcdLedgerTest, SaysWhichEtcdItFound) {
  Open();
  EXPECT_THAT(ledger_->EngineName(), testing::MatchesRegex("etcd 3\\.[456]\\.[0-9]+"));
}

TEST_F(EtcdLedgerTest, AMemberThatIsGoneIsUnavailableAndComesBack) {
  Open();
  const Revision before = MustPut("/a");
  member_.Kill();
  EXPECT_EQ(Put("/b", "x").error().code(), Code::kUnavailable);
  EXPECT_EQ(ledger_->Get("/a").error().code(), Code::kUnavailable);
  member_.Start();
  EXPECT_EQ(ledger_->Get("/a").value()->modified, before);
  EXPECT_GT(MustPut("/b"), before);
}

TEST_F(EtcdLedgerTest, ACallThatHangsEndsAndItsOutcomeIsUnknown) {
  etcd::GatewayOptions options = member_.options();
  options.commit_timeout = std::chrono::milliseconds(200);
  ledger_ = EtcdLedger::Open(std::move(options), TestSeal()).value();
  const Transaction create{{Absent{"/a"}}, {ledger::Put{"/a", ToBytes("x")}}};
  member_.Suspend();
  EXPECT_EQ(ledger_->Commit(create).error().code(), Code::kUnavailable);
  member_.Resume();
  // Repeated until it succeeds or finds itself.
  Result<Outcome> again = ledger_->Commit(create);
  while (!again.ok()) again = ledger_->Commit(create);
  EXPECT_EQ(ToString(ledger_->Get("/a").value()->value), "x");
}

TEST_F(EtcdLedgerTest, ACallThatIsNotWorthwhileAnyMoreIsGivenUp) {
  const auto gateway = etcd::Gateway::Create(member_.options()).value();
  member_.Suspend();
  int asked = 0;
  etcd::StatusResponse status;
  const Status given_up = gateway->CallAt(
      0, "Maintenance/Status", etcd::StatusRequest(), status,
      {.timeout = std::chrono::hours(1), .worthwhile = [&] { return ++asked < 3; }});
  EXPECT_EQ(given_up.error().code(), Code::kUnavailable);
  EXPECT_EQ(asked, 3);
  member_.Resume();
}

TEST_F(EtcdLedgerTest, AFeedGoesOnWhenItsMemberComesBack) {
  Open();
  const Revision first = MustPut("/a");
  FeedLog log;
  const auto feed = ledger_->Follow("/", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  log.Until("/a", first);
  member_.Kill();
  member_.Start();
  const Revision second = MustPut("/b");
  EXPECT_EQ(log.Until("/b", second).size(), 2U) << "nothing is told twice";
}

TEST_F(EtcdLedgerTest, AFeedWhoseMemberIsGoneCanBeEnded) {
  Open();
  FeedLog log;
  auto feed = ledger_->Follow("/", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  member_.Kill();
  feed->reset();
}

TEST_F(EtcdLedgerTest, WhatWasCompactedCannotBeFollowed) {
  Open();
  const Revision first = MustPut("/a");
  MustPut("/a");
  const Revision last = MustPut("/a");
  ASSERT_TRUE(ledger_->Purge().ok());
  FeedLog log;
  EXPECT_EQ(ledger_->Follow("/", first, log.OnChange(), log.OnLost()).error().code(),
            Code::kOutOfRange);
  const auto feed = ledger_->Follow("/", last, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  log.Until("/b", MustPut("/b"));
}

TEST_F(EtcdLedgerTest, AListingOfManyPagesIsOfOneRevision) {
  Open();
  constexpr int kKeys = 12'000;
  for (int i = 0; i < kKeys;) {
    Transaction some;
    for (int n = 0; n < 100; ++n, ++i) {
      some.writes.push_back(ledger::Put{"/k/" + std::to_string(100'000 + i), ToBytes("x")});
    }
    ASSERT_TRUE(ledger_->Commit(some).ok());
  }
  const auto all = ledger_->List(Range::Prefix("/k/"));
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->entries.size(), static_cast<std::size_t>(kKeys));
  EXPECT_FALSE(all->more);
  EXPECT_EQ(all->revision, ledger_->CurrentRevision().value());
  const auto most = ledger_->List(Range::Prefix("/k/", 6'500));
  ASSERT_TRUE(most.ok());
  EXPECT_EQ(most->entries.size(), 6'500U);
  EXPECT_TRUE(most->more);
}

TEST_F(EtcdLedgerTest, ACopyFromBeforeIsNotBelieved) {
  Open();
  MustPut("/a");
  member_.Kill();
  member_.Save();
  member_.Start();
  MustPut("/b");
  MustPut("/c");
  const Sighting seen = ledger_->seen();
  member_.Kill();
  member_.Restore();
  member_.Start();
  const auto refused = ledger_->Get("/a");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kDataLoss);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("older copy"));
  EXPECT_EQ(Put("/d", "x").error().code(), Code::kDataLoss) << "nothing is written to it either";
  EXPECT_EQ(EtcdLedger::Open(member_.options(), TestSeal(), seen).error().code(), Code::kDataLoss);
}

TEST_F(EtcdLedgerTest, AnotherClusterIsNotBelieved) {
  Open();
  const Sighting seen = ledger_->seen();
  const test::EtcdMember other;
  const auto opened = EtcdLedger::Open(other.options(), TestSeal(), seen);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDataLoss);
}

TEST_F(EtcdLedgerTest, TheClusterSeesNoValueAndCanMoveNone) {
  Open();
  const std::string secret = "a value that the witness must not read";
  ASSERT_TRUE(Put("/a", secret).ok());
  const auto gateway = etcd::Gateway::Create(member_.options()).value();
  etcd::RangeRequest request;
  request.set_key("/a");
  etcd::RangeResponse raw;
  ASSERT_TRUE(gateway->Call("KV/Range", request, raw).ok());
  ASSERT_EQ(raw.kvs_size(), 1);
  EXPECT_THAT(raw.kvs(0).value(), testing::Not(testing::HasSubstr("witness")));

  FeedLog log;
  const auto feed = ledger_->Follow("/", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  etcd::TxnRequest move;
  move.add_success()->mutable_request_put()->set_key("/b");
  move.mutable_success(0)->mutable_request_put()->set_value(raw.kvs(0).value());
  etcd::TxnResponse moved;
  ASSERT_TRUE(gateway->Call("KV/Txn", move, moved).ok());
  const auto read = ledger_->Get("/b");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kDataLoss);
  EXPECT_THAT(read.error().message(), testing::HasSubstr("/b"));
  EXPECT_EQ(ledger_->List(Range::Prefix("/")).error().code(), Code::kDataLoss);
  EXPECT_THAT(log.UntilLost(), testing::ElementsAre(Code::kDataLoss));
  EXPECT_EQ(ToString(ledger_->Get("/a").value()->value), secret);
}

TEST_F(EtcdLedgerTest, WhoeverHasNoCertificateOfTheLedgersGetsNothing) {
  etcd::GatewayOptions options = member_.options();
  const test::TestCa stranger("another");
  const test::Identity client = stranger.Client("site");
  options.identity.certificate_pem = client.CertificatePem();
  options.identity.key_pem = client.KeyPem();
  EXPECT_EQ(EtcdLedger::Open(std::move(options), TestSeal()).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace twinseal::ledger
