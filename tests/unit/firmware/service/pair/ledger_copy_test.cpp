#include "firmware/service/pair/ledger_copy.h"

#include <map>

#include <gtest/gtest.h>

#include "firmware/journal/layout.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/memory_ledger.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class LedgerCopyTest : public ::testing::Test {
 protected:
  void Put(const std::string& key, const std::string& value) {
    ledger::Transaction transaction;
    transaction.writes.push_back(ledger::Put{key, ToBytes(value)});
    ASSERT_THAT(from_.Commit(transaction), Succeeds());
  }

  static std::map<std::string, std::string> All(ledger::Ledger& ledger) {
    std::map<std::string, std::string> all;
    const Result<ledger::Listing> listing = ledger.List(ledger::Range::Prefix(""));
    for (const ledger::Entry& entry : listing->entries) {
      // What the journal counts from differs from ledger to ledger.
      if (entry.key == journal::kBasePath || entry.key == journal::kDroppedPath) continue;
      all[entry.key] = ToString(entry.value);
    }
    return all;
  }

  MemoryLedger from_;
  MemoryLedger to_;
};

TEST_F(LedgerCopyTest, OfNothingIsNothing) {
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_TRUE(All(to_).empty());
  EXPECT_EQ(ledger::Number(*to_.CurrentRevision()), 0U);
}

// Around the sizes at which a page or a transaction is full.
TEST_F(LedgerCopyTest, TakesEveryKeyHoweverManyThereAre) {
  std::size_t made = 0;
  for (const std::size_t count :
       {std::size_t{1}, ledger::kMaxOperations - 1, ledger::kMaxOperations,
        ledger::kMaxOperations + 1, 3 * ledger::kMaxOperations + 7}) {
    for (; made < count; ++made) Put("/key/" + std::to_string(made), std::to_string(made));
    MemoryLedger to;
    ASSERT_THAT(CopyLedger(from_, to), Succeeds());
    EXPECT_EQ(All(to), All(from_));
    EXPECT_EQ(All(to).size(), count);
  }
}

TEST_F(LedgerCopyTest, TakesAnyBytesAndMarks) {
  Put(std::string("\0\xff\0", 3), std::string("\0\xff", 2));
  Put("/key/empty", "");
  Put("/pending/a/0011", "3");
  Put("\xff\xff", "the last key that there can be");
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
  EXPECT_EQ(All(to_).size(), 4U);
}

TEST_F(LedgerCopyTest, LeavesThePairsOwnBehind) {
  for (int i = 0; i < 300; ++i) Put("/pair/standing/" + std::to_string(i), "x");
  Put("/pair/config", "c");
  Put("/pai", "before");
  Put("/pairs", "behind");
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_),
            (std::map<std::string, std::string>{{"/pai", "before"}, {"/pairs", "behind"}}));
}

TEST_F(LedgerCopyTest, TakesValuesThatFillATransaction) {
  // With its key it is just what a transaction may hold.
  const std::string largest(ledger::kMaxTransactionBytes - 1024, 'x');
  for (int i = 0; i < 4; ++i) {
    Put("/large/" + std::to_string(i), largest);
    Put("/large/" + std::to_string(i) + "/small", "s");
  }
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
}

// Each fits beside another, and all of a page together do not.
TEST_F(LedgerCopyTest, TakesManyValuesThatAreLargeTogether) {
  for (int i = 0; i < 100; ++i) Put("/value/" + std::to_string(i), std::string(100'000, 'y'));
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
}

TEST_F(LedgerCopyTest, IsRepeatedAfterAnInterruption) {
  for (int i = 0; i < 500; ++i) Put("/key/" + std::to_string(i), std::to_string(i));
  int commits = 0;
  to_.fault = [&](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    if (++commits < 3) return std::nullopt;
    return MemoryLedger::Fault{Error(Code::kResourceExhausted, "the disk is full"), false};
  };
  EXPECT_THAT(CopyLedger(from_, to_), FailsWith(Code::kResourceExhausted, "disk"));
  EXPECT_FALSE(All(to_).empty());
  EXPECT_LT(All(to_).size(), 500U);
  to_.fault = nullptr;
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
}

TEST_F(LedgerCopyTest, WritesAgainWhatMayOrMayNotHaveBeenWritten) {
  for (int i = 0; i < 300; ++i) Put("/key/" + std::to_string(i), std::to_string(i));
  int commits = 0;
  to_.fault = [&](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    ++commits;
    if (commits % 3 == 0) return std::nullopt;
    return MemoryLedger::Fault{Error(Code::kUnavailable, "no answer"), commits % 3 == 1};
  };
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
}

TEST_F(LedgerCopyTest, GivesUpOnALedgerThatNeverAnswers) {
  Put("/key/1", "1");
  int commits = 0;
  to_.fault = [&](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    ++commits;
    return MemoryLedger::Fault{Error(Code::kUnavailable, "no answer"), false};
  };
  EXPECT_THAT(CopyLedger(from_, to_), FailsWith(Code::kUnavailable, "no answer"));
  EXPECT_LT(commits, 100);
}

TEST_F(LedgerCopyTest, WritesOverWhatIsThere) {
  Put("/key/1", "new");
  ledger::Transaction before;
  before.writes.push_back(ledger::Put{"/key/1", ToBytes("of an interrupted copy")});
  ASSERT_THAT(to_.Commit(before), Succeeds());
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_), All(from_));
}

TEST_F(LedgerCopyTest, EntriesOfTheJournalKeepTheirPositions) {
  for (int i = 0; i < 300; ++i) {
    const std::string name = std::to_string(i);
    Put(journal::EntryPath(name), ToString(journal::WriteContent(AsBytes("content " + name))));
  }
  Put(journal::CopiedPath("a"), "7");
  Put(std::string(journal::kDroppedPath), "5");
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  ASSERT_THAT(CopyLedger(from_, to_), Succeeds());
  EXPECT_EQ(All(to_).size(), 301U);
  EXPECT_EQ(*journal::ReadPosition(to_, journal::CopiedPath("a")), journal::Position{7});
  EXPECT_EQ(*journal::ReadPosition(to_, journal::kDroppedPath), journal::Position{5});
  const auto base = journal::ReadPosition(to_, journal::kBasePath);
  EXPECT_EQ(journal::Number(*base), ledger::Number(*from_.CurrentRevision()));
  for (int i = 0; i < 300; ++i) {
    const std::string path = journal::EntryPath(std::to_string(i));
    const Result<std::optional<ledger::Entry>> held = to_.Get(path);
    const auto entry = journal::ReadEntry(path, (*held)->value, (*held)->created, *base);
    EXPECT_EQ(ToString(entry->content), "content " + std::to_string(i));
    EXPECT_EQ(journal::Number(entry->position), static_cast<std::uint64_t>(i) + 1);
  }
}

}  // namespace
}  // namespace twinseal::service
