#include "firmware/journal/backlog.h"

#include <thread>

#include <gmock/gmock.h>

#include "tests/support/results.h"

namespace twinseal::journal {
namespace {

using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;

Waiting At(std::uint64_t position, const std::string& name, std::uint64_t bytes = 10) {
  return {name, Position{position}, ledger::Revision{position}, bytes};
}

class BacklogTest : public ::testing::Test {
 protected:
  std::vector<std::string> sites_ = {"a", "b"};
  Backlog backlog_{"a", {1000, 100}, [this] { return sites_; }};
};

TEST_F(BacklogTest, CountsEachEntryOnce) {
  backlog_.Replace({At(5, "five"), At(3, "three")}, {}, {});
  backlog_.Add(At(3, "three"));
  backlog_.Add(At(7, "seven"));
  backlog_.Remove("five");
  backlog_.Remove("five");
  backlog_.Remove("never there");
  EXPECT_EQ(backlog_.Figures().entries, 2U);
  EXPECT_EQ(backlog_.Figures().bytes, 20U);
  EXPECT_TRUE(backlog_.AnyBetween(Position{3}, Position{7}));
  EXPECT_FALSE(backlog_.AnyBetween(Position{3}, Position{6}));
  EXPECT_FALSE(backlog_.AnyBetween(Position{7}, Position{70}));
}

TEST_F(BacklogTest, OffersWhatAllHaveCopied) {
  backlog_.Replace({At(3, "three"), At(5, "five"), At(7, "seven")}, {}, {});
  backlog_.SetCopied("a", {Position{9}, ledger::Revision{9}});
  EXPECT_TRUE(backlog_.CopiedByAll(10).entries.empty());
  backlog_.SetCopied("b", {Position{5}, ledger::Revision{10}});
  EXPECT_EQ(backlog_.CopiedByAll(10).entries.size(), 2U);
  EXPECT_EQ(backlog_.CopiedByAll(1).entries.size(), 1U);
  EXPECT_EQ(backlog_.CopiedByAll(10).by.size(), 2U);
  EXPECT_THAT(backlog_.Figures().behind, ElementsAre("b"));
  // What is older than what is known changes nothing; what takes something back does.
  backlog_.SetCopied("b", {Position{9}, ledger::Revision{8}});
  EXPECT_EQ(backlog_.CopiedByAll(10).entries.size(), 2U);
  backlog_.SetCopied("b", {Position{0}, ledger::Revision{11}});
  EXPECT_TRUE(backlog_.CopiedByAll(10).entries.empty());
  sites_ = {"a"};
  EXPECT_EQ(backlog_.CopiedByAll(10).entries.size(), 3U);
  sites_ = {"a", "c"};
  EXPECT_TRUE(backlog_.CopiedByAll(10).entries.empty());
  sites_ = {};
  EXPECT_TRUE(backlog_.CopiedByAll(10).entries.empty());
}

TEST_F(BacklogTest, NamesWhatWaitsUnderAPrefix) {
  EXPECT_THAT(backlog_.Under("b/"), FailsWith(Code::kUnavailable, "not read"));
  backlog_.Replace({At(3, "b/2"), At(5, "b/1"), At(7, "c/1")}, {}, {});
  backlog_.Add(At(9, "b"));
  backlog_.Add(At(11, "b/3"));
  backlog_.Remove("b/2");
  const std::vector<Waiting> under = backlog_.Under("b/").value();
  ASSERT_EQ(under.size(), 2U);
  EXPECT_EQ(under[0].name, "b/1");
  EXPECT_EQ(under[1].position, Position{11});
  EXPECT_TRUE(backlog_.Under("d").value().empty());
}

TEST_F(BacklogTest, LetsACallerWaitUntilACommitHasBeenHeardOf) {
  const auto never = std::chrono::steady_clock::now() + std::chrono::minutes(10);
  backlog_.Replace({At(3, "three")}, {}, {});
  backlog_.AwaitHeard(ledger::Revision{3}, never);
  std::thread feed([&] { backlog_.Add(At(5, "five")); });
  backlog_.AwaitHeard(ledger::Revision{5}, never);
  feed.join();
  EXPECT_EQ(backlog_.Under("five").value().size(), 1U);
  // It may have been dropped since.
  backlog_.Remove("five");
  backlog_.AwaitHeard(ledger::Revision{5}, never);
  backlog_.AwaitHeard(ledger::Revision{6}, std::chrono::steady_clock::now());
}

TEST_F(BacklogTest, SaysWhatIsInTheWay) {
  EXPECT_THAT(backlog_.CheckRoom(1), FailsWith(Code::kUnavailable, "has not read"));
  backlog_.Replace({At(3, "three", 800)}, {}, {});
  EXPECT_THAT(backlog_.CheckRoom(99), Succeeds());
  EXPECT_THAT(backlog_.CheckRoom(100), FailsWith(Code::kResourceExhausted, "1 of 100 entries"));
  EXPECT_THAT(backlog_.CheckRoom(100), FailsWith(Code::kResourceExhausted, "Site b has not"));
  backlog_.SetProblem("the disk is full");
  EXPECT_THAT(backlog_.CheckRoom(100), FailsWith(Code::kResourceExhausted, "the disk is full"));
}

}  // namespace
}  // namespace twinseal::journal
