#include "firmware/service/pair/late_ledger.h"

#include <future>

#include <gtest/gtest.h>

#include "tests/support/etcd_member.h"
#include "tests/support/results.h"
#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::service {
namespace {

using ledger::Number;
using test::FailsWith;
using test::Succeeds;

ledger::Transaction Putting(const std::string& key, const std::string& value) {
  ledger::Transaction transaction;
  transaction.writes.push_back(ledger::Put{key, ToBytes(value)});
  return transaction;
}

TEST(LateLedgerTest, SaysWhyItIsNotThereYet) {
  LateLedger late;
  EXPECT_FALSE(late.open());
  EXPECT_THAT(late.Get("/x"), FailsWith(Code::kUnavailable, "not been started yet"));
  late.Waits("no majority of its members can be reached");
  const auto refused = FailsWith(Code::kUnavailable, "no majority of its members");
  EXPECT_THAT(late.Get("/x"), refused);
  EXPECT_THAT(late.GetNearby("/x"), refused);
  EXPECT_THAT(late.List(ledger::Range::Prefix("/")), refused);
  EXPECT_THAT(late.Commit(Putting("/x", "1")), refused);
  EXPECT_THAT(late.CurrentRevision(), refused);
  EXPECT_THAT(late.Follow(
                  "/", {}, [](const ledger::Change&) {}, [](const Error&) {}),
              refused);
  EXPECT_THAT(late.Purge(), refused);
  EXPECT_EQ(Number(late.SeenRevision()), 0U);
  EXPECT_EQ(late.seen().cluster_id, 0U);
  EXPECT_EQ(late.EngineName(), "etcd");
}

// What brings it up may need what is in it.
TEST(LateLedgerTest, IsNotItsOwnReason) {
  LateLedger late;
  late.Waits("no majority of its members can be reached");
  late.Waits("making a certificate: " + late.Get("/x").error().message());
  EXPECT_EQ(late.Get("/x").error().message(),
            "the pair's ledger cannot be reached from this site: no majority of its members can be "
            "reached");
}

TEST(LateLedgerTest, OnceItIsOpenItIsThePairsLedger) {
  test::EtcdMember member;
  std::unique_ptr<ledger::EtcdLedger> engine =
      *ledger::EtcdLedger::Open(member.options(), ledger::TestSeal(), {});
  const std::string name = engine->EngineName();
  LateLedger late;
  late.Open(std::move(engine));
  EXPECT_TRUE(late.open());
  const auto committed = late.Commit(Putting("/x", "1"));
  ASSERT_THAT(committed, Succeeds());
  EXPECT_TRUE(committed->committed);
  EXPECT_EQ(ToString((*late.Get("/x"))->value), "1");
  EXPECT_EQ(ToString((*late.GetNearby("/x"))->value), "1");
  EXPECT_EQ(late.List(ledger::Range::Prefix("/"))->entries.size(), 1U);
  EXPECT_EQ(*late.CurrentRevision(), committed->revision);
  EXPECT_EQ(late.SeenRevision(), committed->revision);
  EXPECT_NE(late.seen().cluster_id, 0U);
  EXPECT_EQ(late.EngineName(), name);
  std::promise<std::string> told;
  const auto feed = late.Follow(
      "/y", committed->revision, [&](const ledger::Change& change) { told.set_value(change.key); },
      [](const Error&) {});
  ASSERT_THAT(feed, Succeeds());
  ASSERT_THAT(late.Commit(Putting("/y", "2")), Succeeds());
  EXPECT_EQ(told.get_future().get(), "/y");
  EXPECT_THAT(late.Purge(), Succeeds());
}

}  // namespace
}  // namespace twinseal::service
