#include "firmware/journal/journal.h"

#include <gmock/gmock.h>

#include "tests/unit/firmware/journal/journal_fixture.h"

namespace twinseal::journal {
namespace {

constexpr auto kLedger = Journal::From::kLedger;
constexpr auto kHeard = Journal::From::kHeard;
using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

INSTANTIATE_TEST_SUITE_P(Engines, JournalTest,
                         testing::Values(ledger::SqliteEngine(), ledger::EtcdEngine()),
                         [](const auto& engine) { return engine.param.name; });

TEST_P(JournalTest, AnEntryCommitsWithTheCallersRecordsOrNotAtAll) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  PutOne("/index/1", "taken");
  ledger::Transaction refused{{ledger::Absent{"/index/1"}}, {}};
  ASSERT_THAT(a.journal().Append(refused, "1", AsBytes("one")), Succeeds());
  EXPECT_FALSE(ledger().Commit(refused).value().committed);
  EXPECT_FALSE(a.journal().Find("1").value().has_value());

  ledger::Transaction taken{{ledger::Absent{"/index/2"}}, {ledger::Put{"/index/2", {}}}};
  ASSERT_THAT(a.journal().Append(taken, "2", AsBytes("two")), Succeeds());
  Must(taken);
  EXPECT_EQ(ToString(a.journal().Find("2").value()->content), "two");
  // Repeated, as when its answer was lost.
  EXPECT_FALSE(ledger().Commit(taken).value().committed);
}

TEST_P(JournalTest, RefusesWhatIsNoEntry) {
  Site a(ledger(), "a", {"a"});
  ledger::Transaction transaction;
  EXPECT_THAT(a.journal().Append(transaction, "1", {}), FailsWith(Code::kUnavailable, "not read"));
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(a.journal().Append(transaction, "", {}), FailsWith(Code::kInvalidArgument, "name"));
  EXPECT_THAT(a.journal().Append(transaction, std::string(kMaxNameBytes + 1, 'n'), {}),
              FailsWith(Code::kInvalidArgument, "name"));
  EXPECT_THAT(a.journal().Append(transaction, "1", Bytes(kMaxContentBytes + 1)),
              FailsWith(Code::kInvalidArgument, "65536"));
  EXPECT_TRUE(transaction.writes.empty());
  ASSERT_THAT(a.journal().Append(transaction, "1", Bytes(kMaxContentBytes)), Succeeds());
  EXPECT_THAT(a.journal().Append(transaction, "2", {}),
              FailsWith(Code::kInvalidArgument, "one entry"));
  Must(transaction);
  ASSERT_THAT(a.Round(), Succeeds());
  ledger::Transaction again;
  EXPECT_THAT(a.journal().Append(again, "1", {}), FailsWith(Code::kAlreadyExists, "1 is in"));
}

// Three sites; the entry waits for the last, and each has the same in the same order.
TEST_P(JournalTest, DropsWhatEverySiteHasCopiedAndNothingElse) {
  Site a(ledger(), "a", {"a", "b", "c"});
  Site b(ledger(), "b", {"a", "b", "c"});
  Site c(ledger(), "c", {"a", "b", "c"});
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  const Position first = Issue(a, "z", "1");
  PutOne("/something/else", "x");
  const Position second = Issue(b, "a", "2");
  EXPECT_LT(first, second);
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(Waits(), ElementsAre("a", "z"));
  ASSERT_THAT(b.Round(), Succeeds());
  EXPECT_THAT(Waits(), ElementsAre("a", "z"));
  EXPECT_THAT(a.backlog().Figures().behind, ElementsAre("b", "c"));
  const Position third = Issue(a, "m", "3");
  ASSERT_THAT(c.Round(), Succeeds());
  // What c could copy beyond what a and b have said stays.
  EXPECT_THAT(Waits(), ElementsAre("m"));
  EXPECT_EQ(ReadPosition(ledger(), kDroppedPath).value(), second);
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  EXPECT_THAT(Waits(), IsEmpty());
  for (Site* const site : {&a, &b, &c}) {
    EXPECT_THAT(site->All(), ElementsAre("z=1", "a=2", "m=3"));
    EXPECT_EQ(site->journal().Find("z").value()->position, first);
    EXPECT_EQ(site->journal().Find("m").value()->position, third);
    EXPECT_FALSE(site->journal().Find("n").value().has_value());
  }
}

// Waiting, copied, and dropped: each is found where it is, once, in the order of the commits.
TEST_P(JournalTest, FindsAllUnderAPrefixWhereverTheyAre) {
  Site a(ledger(), "a", {"a", "b"});
  Site b(ledger(), "b", {"a", "b"});
  for (const auto from : {kLedger, kHeard})
    EXPECT_THAT(a.journal().FindUnder("k/", from), FailsWith(Code::kUnavailable, "not read"));
  ASSERT_THAT(a.Round(), Succeeds());
  const auto found = [&](Site& site, Journal::From from = kHeard) {
    std::vector<std::string> all;
    const std::vector<Entry> entries = site.journal().FindUnder("k/", from).value();
    for (const Entry& entry : entries) {
      all.push_back(entry.name + "=" + ToString(entry.content));
    }
    return all;
  };
  EXPECT_THAT(found(a), IsEmpty());
  Issue(a, "k/2", "1");
  ASSERT_THAT(b.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(Waits(), IsEmpty());
  Issue(a, "k/1", "2");
  Issue(a, "j/1", "other");
  Issue(a, "k0", "other");
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(Waits(), ElementsAre("j/1", "k/1", "k0"));
  const Position third = Issue(a, "k/3", "3");
  EXPECT_THAT(found(a), ElementsAre("k/2=1", "k/1=2"));
  EXPECT_THAT(found(a, kLedger), ElementsAre("k/2=1", "k/1=2", "k/3=3"));
  EXPECT_THAT(found(b, kLedger), ElementsAre("k/2=1", "k/1=2", "k/3=3"));
  a.backlog().Add({"k/3", third, ledger::Revision{Number(third)}, 1});
  EXPECT_THAT(found(a), ElementsAre("k/2=1", "k/1=2", "k/3=3"));
  for (const auto from : {kLedger, kHeard})
    EXPECT_EQ(a.journal().FindUnder("k/3", from).value().at(0).position, third);
  ASSERT_THAT(b.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  for (Site* const site : {&a, &b}) {
    EXPECT_THAT(found(*site), ElementsAre("k/2=1", "k/1=2", "k/3=3"));
    EXPECT_THAT(found(*site, kLedger), ElementsAre("k/2=1", "k/1=2", "k/3=3"));
  }
}

TEST_P(JournalTest, NamesGroupsWhereverTheirEntriesAre) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  for (const char* const name : {"k/b/1", "k/a/1", "k/c/1", "k/b/2", "k", "j/x/1", "l/x/1"})
    Issue(a, name, "");
  ASSERT_THAT(a.Round(), Succeeds());
  for (const char* const name : {"k/d/1", "k/a/2", "k/aa/1", "k/e", "l/y/1"}) Issue(a, name, "");
  ASSERT_THAT(a.copier().CopyAll(), Succeeds());
  EXPECT_THAT(a.journal().GroupsUnder("k/", "", 10).value(),
              ElementsAre("a", "aa", "b", "c", "d", "e"));
  EXPECT_THAT(a.journal().GroupsUnder("k/", "aa", 3).value(), ElementsAre("b", "c", "d"));
  EXPECT_THAT(a.journal().GroupsUnder("k/", "e", 3).value(), IsEmpty());
}

// What is lacking may be what is asked for.
TEST_P(JournalTest, AnArchiveThatLacksSomethingDoesNotSayThatThereIsNothing) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  Issue(a, "k/1", "1");
  ASSERT_THAT(a.Round(), Succeeds());
  a.BeginWith({});
  EXPECT_THAT(a.Round(), FailsWith(Code::kDataLoss, "no other site"));
  EXPECT_THAT(a.journal().Find("k/1"), FailsWith(Code::kUnavailable, "ask another site"));
  for (const auto from : {kLedger, kHeard})
    EXPECT_THAT(a.journal().FindUnder("k/", from), FailsWith(Code::kUnavailable, "ask another"));
  EXPECT_THAT(a.journal().GroupsUnder("k", "", 1), FailsWith(Code::kUnavailable, "ask another"));
}

// The process ends after each of the steps, and does them all again.
TEST_P(JournalTest, GoesOnAfterAnEndBetweenAnySteps) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  for (unsigned steps = 0; steps <= 3; ++steps) {
    const std::string name = std::to_string(steps);
    Issue(a, name, "content");
    EXPECT_TRUE(steps < 1 || a.copier().CopyAll().ok());
    EXPECT_TRUE(steps < 2 || a.copier().Acknowledge().ok());
    EXPECT_TRUE(steps < 3 || a.copier().Drop().ok());
    a.Begin();
    EXPECT_EQ(ToString(a.journal().Find(name).value()->content), "content");
    ASSERT_THAT(a.Round(), Succeeds());
    EXPECT_THAT(Waits(), IsEmpty());
    EXPECT_EQ(a.archive().entries(), steps + 1);
    ASSERT_THAT(a.Round(), Succeeds());
    EXPECT_EQ(a.archive().entries(), steps + 1);
  }
}

TEST_P(JournalTest, ASiteThatJoinsReadsAnothersArchive) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  Issue(a, "old/1", "1");
  Issue(a, "old/2", "2");
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(Waits(), IsEmpty());
  a.Belongs({"a", "b"});
  Issue(a, "new", "3");
  Site b(ledger(), "b", {"a", "b"});
  EXPECT_THAT(b.Round(), FailsWith(Code::kDataLoss, "no other site"));
  // What it lacks is known, so nobody takes it for complete.
  EXPECT_EQ(b.archive().through(), Position{});
  b.CanAsk(a);
  ASSERT_THAT(b.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(Waits(), IsEmpty());
  EXPECT_THAT(b.All(), ElementsAre("old/1=1", "old/2=2", "new=3"));
  EXPECT_EQ(a.All(), b.All());
}

TEST_P(JournalTest, AWipedSiteTakesBackWhatItHadSaid) {
  Site a(ledger(), "a", {"a", "b"});
  Site b(ledger(), "b", {"a", "b"});
  b.CanAsk(a);
  ASSERT_THAT(a.Round(), Succeeds());
  Issue(a, "1", "x");
  Issue(a, "2", "y");
  ASSERT_THAT(b.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(Waits(), IsEmpty());
  Issue(a, "3", "z");
  ASSERT_THAT(b.Round(), Succeeds());
  // Only b has said that it has 3, and now it has it no longer.
  b.BeginWith({});
  ASSERT_THAT(b.copier().CopyAll(), Succeeds());
  EXPECT_EQ(ReadPosition(ledger(), CopiedPath("b")).value(), Position{});
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(Waits(), ElementsAre("3"));
  ASSERT_THAT(b.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(Waits(), IsEmpty());
  EXPECT_THAT(b.All(), ElementsAre("1=x", "2=y", "3=z"));
}

TEST_P(JournalTest, AnOldCopyOfTheArchiveIsNoticed) {
  Site a(ledger(), "a", {"a", "b"});
  Site b(ledger(), "b", {"a", "b"});
  const auto rounds = [&] {
    ASSERT_THAT(a.Round(), Succeeds());
    ASSERT_THAT(b.Round(), Succeeds());
    ASSERT_THAT(a.Round(), Succeeds());
  };
  rounds();
  Issue(a, "1", "x");
  rounds();
  const std::filesystem::path copy = b.Copy();
  Issue(a, "2", "y");
  rounds();
  ASSERT_THAT(Waits(), IsEmpty());
  b.BeginWith(copy);
  EXPECT_THAT(b.Round(), FailsWith(Code::kDataLoss, "old copy"));
  Issue(a, "3", "z");
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(b.Round(), FailsWith(Code::kDataLoss, "old copy"));
  EXPECT_THAT(Waits(), ElementsAre("3"));
  // What it has beyond the gap is found, and is not told as if there were none.
  EXPECT_EQ(ToString(b.journal().Find("3").value()->content), "z");
  EXPECT_THAT(b.All(), ElementsAre("1=x"));
  b.CanAsk(a);
  ASSERT_THAT(b.Round(), Succeeds());
  EXPECT_THAT(b.All(), ElementsAre("1=x", "2=y", "3=z"));
}

// As of an appliance that is alone: what is in the archive stays, and positions go on behind it.
TEST_P(JournalTest, AnOldCopyOfTheLedgerGoesOnBehindTheArchive) {
  const auto other = GetParam().make();
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  for (int i = 0; i < 20; ++i) PutOne("/counts", std::to_string(i));
  Issue(a, "1", "x");
  const Position second = Issue(a, "2", "y");
  PutOne("/counts", "more");
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(a.Round(), Succeeds());
  Site back(other->ledger(), "a", {"a"});
  back.BeginWith(a.Copy());
  // The old ledger still has the first one, and has never heard of the second.
  ASSERT_TRUE(
      other->ledger().Commit({{}, {ledger::Put{EntryPath("1"), WriteContent(AsBytes("x"))}}}).ok());
  for (int i = 0; i < 30 && ledger::Number(*other->ledger().CurrentRevision()) + 1 < Number(second);
       ++i) {
    ASSERT_TRUE(other->ledger().Commit({{}, {ledger::Put{"/counts", {}}}}).ok());
  }
  // In another history the position of the second is this one's.
  ASSERT_TRUE(other->ledger()
                  .Commit({{}, {ledger::Put{EntryPath("else"), WriteContent(AsBytes("e"))}}})
                  .ok());
  ASSERT_THAT(back.Round(), Succeeds());
  ledger::Transaction transaction;
  ASSERT_THAT(back.journal().Append(transaction, "3", AsBytes("z")), Succeeds());
  ASSERT_TRUE(other->ledger().Commit(transaction).ok());
  ASSERT_THAT(back.Round(), Succeeds());
  EXPECT_THAT(back.All(), ElementsAre("1=x", "2=y", "else=e", "3=z"));
  EXPECT_GT(back.journal().Find("3").value()->position, second);
  EXPECT_EQ(back.backlog().Figures().entries, 0U);
}

// The other archive is old, too.
TEST_P(JournalTest, AnArchiveThatLacksItItselfDoesNotHelp) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  Issue(a, "1", "x");
  ASSERT_THAT(a.Round(), Succeeds());
  Site b(ledger(), "b", {"a", "b"});
  Site c(ledger(), "c", {"a", "b", "c"});
  b.CanAsk(c);
  EXPECT_THAT(b.Round(), FailsWith(Code::kDataLoss, "site c: its archive ends at position 0"));
  b.CanAsk(a);
  EXPECT_THAT(b.Round(), Succeeds());
}

TEST_P(JournalTest, NearTheCapNothingIsTakenAndTheSiteIsNamed) {
  const Cap cap = {std::uint64_t{1} << 20U, 10};
  Site a(ledger(), "a", {"a", "b"}, cap);
  Site b(ledger(), "b", {"a", "b"}, cap);
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  for (int i = 0; i < 8; ++i) Issue(a, std::to_string(i), "x");
  ASSERT_THAT(a.Round(), Succeeds());
  ledger::Transaction transaction;
  EXPECT_THAT(a.journal().Append(transaction, "8", AsBytes("x")),
              FailsWith(Code::kResourceExhausted, "Site b has not copied it"));
  EXPECT_TRUE(transaction.writes.empty());
  ASSERT_THAT(b.Round(), Succeeds());
  // Heard by the next look of a.
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(Waits(), IsEmpty());
  EXPECT_THAT(a.journal().Append(transaction, "8", AsBytes("x")), Succeeds());
  for (int i = 0; i < 15; ++i) Issue(a, "large/" + std::to_string(i), std::string(60'000, 'x'));
  ASSERT_THAT(a.Round(), Succeeds());
  ledger::Transaction large;
  EXPECT_THAT(a.journal().Append(large, "large/15", Bytes(60'000)),
              FailsWith(Code::kResourceExhausted, "MiB"));
}

TEST_P(JournalTest, AFullDiskKeepsEntriesInTheLedger) {
  Site a(ledger(), "a", {"a"}, CapFor(std::uint64_t{1} << 30U), {.max_pages = 40});
  ASSERT_THAT(a.Round(), Succeeds());
  for (int i = 0; i < 4; ++i) Issue(a, std::to_string(i), std::string(60'000, 'x'));
  EXPECT_THAT(a.Round(), FailsWith(Code::kResourceExhausted, "disk is full"));
  EXPECT_THAT(Waits(), ElementsAre("0", "1", "2", "3"));
  // They count all the same.
  EXPECT_EQ(a.backlog().Figures().entries, 4U);
  EXPECT_EQ(a.journal().Find("3").value()->content.size(), 60'000U);
}

// As the feed tells it, without reading everything again.
TEST_P(JournalTest, TakesWhatTheFeedTells) {
  Site a(ledger(), "a", {"a", "b"});
  Site b(ledger(), "b", {"a", "b"});
  ASSERT_THAT(b.Round(), Succeeds());
  const Result<ledger::Revision> from = a.copier().CopyAll();
  ASSERT_THAT(from, Succeeds());
  ledger::FeedLog log;
  const auto feed = ledger().Follow(
      std::string(kPrefix), *from,
      [&, tell = log.OnChange()](const ledger::Change& change) {
        a.copier().Hear(change);
        tell(change);
      },
      log.OnLost());
  Issue(a, "1", "x");
  const Position second = Issue(a, "2", "y");
  const auto heard = log.Until(EntryPath("2"), ledger::Revision{Number(second)});
  EXPECT_EQ(a.backlog().Figures().entries, 2U);
  ASSERT_THAT(a.copier().Take(heard), Succeeds());
  EXPECT_EQ(a.archive().through(), second);
  EXPECT_THAT(a.All(), ElementsAre("1=x", "2=y"));
  ASSERT_THAT(a.copier().Acknowledge(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  EXPECT_THAT(Waits(), IsEmpty());
  const ledger::Revision dropped = ledger().CurrentRevision().value();
  ASSERT_THAT(a.copier().Take(log.Until(std::string(kDroppedPath), dropped)), Succeeds());
  log.Until(EntryPath("1"), dropped);
  log.Until(EntryPath("2"), dropped);
  EXPECT_EQ(a.backlog().Figures().entries, 0U);
}

TEST_P(JournalTest, NoticesThatSomethingWasDroppedThatItLacks) {
  Site a(ledger(), "a", {"a", "b"});
  ASSERT_THAT(a.Round(), Succeeds());
  EXPECT_THAT(a.copier().Take({{EntryPath("1"), std::nullopt, ledger::Revision{100}}}),
              FailsWith(Code::kOutOfRange, "1 was dropped"));
  EXPECT_THAT(a.copier().Take({{EntryPath("1"), WriteContent(AsBytes("x")), ledger::Revision{99}},
                               {EntryPath("1"), std::nullopt, ledger::Revision{100}}}),
              Succeeds());
}

// From one ledger into another and into a third: nothing is lost, and positions go on.
TEST_P(JournalTest, MovesWithTheLedger) {
  Site a(ledger(), "a", {"a"});
  ASSERT_THAT(a.Round(), Succeeds());
  for (int i = 0; i < 50; ++i) PutOne("/counts", std::to_string(i));
  Issue(a, "archived", "1");
  ASSERT_THAT(a.Round(), Succeeds());
  const Position waiting = Issue(a, "waiting", "2");
  const std::unique_ptr<ledger::LedgerBench> pairs = GetParam().make();
  ledger::Ledger& second = pairs->ledger();
  const auto to = [](ledger::Ledger& ledger) {
    return [&ledger](const ledger::Transaction& transaction) -> Status {
      const Result<ledger::Outcome> outcome = ledger.Commit(transaction);
      return outcome.ok() ? Ok() : Status(outcome.error());
    };
  };
  ASSERT_THAT(CarryOver(ledger(), to(second)), Succeeds());
  ASSERT_THAT(CarryOver(ledger(), to(second)), Succeeds());
  EXPECT_GE(BaseOf(second), Number(waiting));

  Site b(second, "b", {"a", "b"});
  b.CanAsk(a);
  ASSERT_THAT(b.Round(), Succeeds());
  EXPECT_EQ(b.journal().Find("waiting").value()->position, waiting);
  ledger::Transaction transaction;
  ASSERT_THAT(b.journal().Append(transaction, "later", AsBytes("3")), Succeeds());
  ASSERT_TRUE(second.Commit(transaction).ok());
  const Position later = b.journal().Find("later").value()->position;
  EXPECT_GT(later, waiting);

  const std::unique_ptr<ledger::LedgerBench> alone = GetParam().make();
  ASSERT_THAT(CarryOver(second, to(alone->ledger())), Succeeds());
  Site again(alone->ledger(), "a", {"a"});
  again.BeginWith(a.Copy());
  ASSERT_THAT(again.Round(), Succeeds());
  EXPECT_THAT(again.All(), ElementsAre("archived=1", "waiting=2", "later=3"));
  EXPECT_EQ(again.journal().Find("later").value()->position, later);
  const Result<ledger::Listing> rest = alone->ledger().List(ledger::Range::Prefix(kEntryPrefix));
  EXPECT_TRUE(rest->entries.empty());
}

}  // namespace
}  // namespace twinseal::journal
