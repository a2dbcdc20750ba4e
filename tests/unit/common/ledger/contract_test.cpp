#include "tests/unit/common/ledger/contract.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include <gmock/gmock.h>

namespace twinseal::ledger {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Told = std::tuple<std::string, std::optional<std::string>, std::uint64_t>;

std::vector<Told> Plain(const std::vector<Change>& changes) {
  std::vector<Told> plain;
  for (const Change& change : changes) {
    plain.emplace_back(change.key,
                       change.value ? std::optional(ToString(*change.value)) : std::nullopt,
                       Number(change.revision));
  }
  return plain;
}

TEST_P(LedgerContract, BeginsEmpty) {
  EXPECT_EQ(ValueOf("/a"), std::nullopt);
  EXPECT_THAT(KeysIn(Range::Prefix("")), IsEmpty());
  EXPECT_FALSE(ledger().EngineName().empty());
}

TEST_P(LedgerContract, TellsWhatWasPut) {
  const Revision first = PutOne("/a", "one");
  const Revision second = PutOne("/a", "two");
  EXPECT_GT(second, first);
  const Result<std::optional<Entry>> entry = ledger().Get("/a");
  ASSERT_TRUE(entry.ok() && entry->has_value());
  EXPECT_EQ((*entry)->key, "/a");
  EXPECT_EQ(ToString((*entry)->value), "two");
  EXPECT_EQ((*entry)->created, first);
  EXPECT_EQ((*entry)->modified, second);
  EXPECT_EQ(ledger().CurrentRevision().value(), second);
}

TEST_P(LedgerContract, ForgetsWhatWasRemoved) {
  PutOne("/a", "one");
  const Revision removed = RemoveOne("/a");
  EXPECT_EQ(ValueOf("/a"), std::nullopt);
  EXPECT_EQ(ledger().CurrentRevision().value(), removed);
  const Revision again = PutOne("/a", "two");
  EXPECT_EQ(ledger().Get("/a").value()->created, again);
}

TEST_P(LedgerContract, MakesNoRevisionWhenNothingChanges) {
  const Revision before = PutOne("/a", "one");
  EXPECT_EQ(Must({}), before);
  EXPECT_EQ(Must({{UnchangedSince{"/a", before}}, {}}), before);
  EXPECT_EQ(RemoveOne("/nothing"), before);
  EXPECT_EQ(ledger().CurrentRevision().value(), before);
}

TEST_P(LedgerContract, TakesAnyBytes) {
  const std::string key("\x00\xff\x01 key", 7);
  std::string value;
  for (int i = 0; i < 256; ++i) value.push_back(static_cast<char>(i));
  PutOne(key, value);
  PutOne("/empty", "");
  EXPECT_EQ(ValueOf(key), value);
  EXPECT_EQ(ValueOf("/empty"), "");
}

TEST_P(LedgerContract, WritesSeveralKeysAtOneRevision) {
  PutOne("/c", "old");
  const Revision revision =
      Must({{}, {Put{"/a", ToBytes("1")}, Put{"/b", ToBytes("2")}, Remove{"/c"}}});
  EXPECT_EQ(ledger().Get("/a").value()->modified, revision);
  EXPECT_EQ(ledger().Get("/b").value()->modified, revision);
  EXPECT_EQ(ValueOf("/c"), std::nullopt);
}

TEST_P(LedgerContract, HoldsBackWhenAGuardDoesNotHold) {
  const Revision first = PutOne("/a", "one");
  const Revision second = PutOne("/a", "two");
  const std::vector<Guard> failing = {Absent{"/a"}, UnchangedSince{"/a", first},
                                      UnchangedSince{"/b", first},
                                      UnchangedSince{"/b", Revision{0}}};
  for (const Guard& guard : failing) {
    const Result<Outcome> outcome = ledger().Commit(
        {{Absent{"/b"}, guard}, {Put{"/a", ToBytes("three")}, Put{"/b", ToBytes("x")}}});
    ASSERT_TRUE(outcome.ok());
    EXPECT_FALSE(outcome->committed);
    EXPECT_EQ(outcome->revision, second);
  }
  EXPECT_EQ(ValueOf("/a"), "two");
  EXPECT_EQ(ValueOf("/b"), std::nullopt);
  EXPECT_EQ(ledger().CurrentRevision().value(), second);
}

TEST_P(LedgerContract, GoesAheadWhenAllGuardsHold) {
  const Revision first = PutOne("/a", "one");
  const Result<Outcome> outcome =
      ledger().Commit({{UnchangedSince{"/a", first}, Absent{"/b"}},
                       {Put{"/a", ToBytes("two")}, Put{"/b", ToBytes("new")}}});
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(outcome->committed);
  EXPECT_EQ(ValueOf("/a"), "two");
  EXPECT_EQ(ValueOf("/b"), "new");
}

TEST_P(LedgerContract, ListsInByteOrder) {
  const std::vector<std::string> keys = {"/a",     "/a/1",   "/a0",    "/b", std::string("/b\0", 3),
                                         "/b\x7f", "/b\x80", "/b\xff", "0"};
  std::vector<std::string> shuffled = keys;
  std::mt19937 generator(1);
  std::ranges::shuffle(shuffled, generator);
  for (const std::string& key : shuffled) PutOne(key, "x");
  EXPECT_THAT(KeysIn(Range::Prefix("")), ::testing::ElementsAreArray(keys));
  EXPECT_THAT(KeysIn({"/a/1", "/b", 0}), ElementsAre("/a/1", "/a0"));
  EXPECT_THAT(KeysIn({"/b\xff", "", 0}), ElementsAre("/b\xff", "0"));
  EXPECT_THAT(KeysIn({"/b", "/a", 0}), IsEmpty());
  EXPECT_THAT(KeysIn(Range::Prefix("/a")), ElementsAre("/a", "/a/1", "/a0"));
  EXPECT_THAT(KeysIn(Range::Prefix("/b\xff")), ElementsAre("/b\xff"));
}

TEST_P(LedgerContract, CutsListingsAtTheLimit) {
  for (int i = 0; i < 5; ++i) PutOne("/k/" + std::to_string(i), std::to_string(i));
  const Revision newest = PutOne("/other", "x");
  const auto list = [&](std::size_t limit) {
    return ledger().List(Range::Prefix("/k/", limit)).value();
  };
  EXPECT_EQ(list(2).entries.size(), 2U);
  EXPECT_TRUE(list(2).more);
  EXPECT_EQ(list(4).entries.size(), 4U);
  EXPECT_TRUE(list(4).more);
  EXPECT_EQ(list(5).entries.size(), 5U);
  EXPECT_FALSE(list(5).more);
  EXPECT_EQ(list(0).entries.size(), 5U);
  EXPECT_FALSE(list(0).more);
  EXPECT_EQ(list(2).revision, newest);
  EXPECT_EQ(list(~std::size_t{0}).entries.size(), 5U);
}

TEST_P(LedgerContract, RefusesWhatIsBeyondTheLimits) {
  const auto refused = [&](const Transaction& transaction) {
    const Result<Outcome> outcome = ledger().Commit(transaction);
    return !outcome.ok() && outcome.error().code() == Code::kInvalidArgument;
  };
  Transaction many;
  for (std::size_t i = 0; i < kMaxOperations; ++i) {
    many.guards.push_back(Absent{"/g" + std::to_string(i)});
    many.writes.push_back(Put{"/w" + std::to_string(i), ToBytes("x")});
  }
  EXPECT_FALSE(refused(many));
  Transaction guards = many;
  guards.guards.push_back(Absent{"/g"});
  EXPECT_TRUE(refused(guards));
  Transaction writes = many;
  writes.guards.clear();
  writes.writes.push_back(Put{"/w", ToBytes("x")});
  EXPECT_TRUE(refused(writes));

  EXPECT_FALSE(refused({{}, {Put{"/large", Bytes(kMaxTransactionBytes - 6)}}}));
  EXPECT_TRUE(refused({{}, {Put{"/large", Bytes(kMaxTransactionBytes - 5)}}}));
  EXPECT_TRUE(refused({{}, {Put{"/a", {}}, Put{"/a", {}}}}));
  EXPECT_TRUE(refused({{}, {Put{"/a", {}}, Remove{"/a"}}}));
  EXPECT_TRUE(refused({{}, {Put{"", {}}}}));
  EXPECT_TRUE(refused({{Absent{""}}, {Put{"/a", {}}}}));
  EXPECT_EQ(ValueOf("/a"), std::nullopt);
}

// Threads that race for the same key: each round has one winner, and the count of all that was won
// is the value.
TEST_P(LedgerContract, LetsOneOfSeveralWin) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  PutOne("/counter", "0");
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int won = 0; won < kEach;) {
        const auto entry = ledger().Get("/counter");
        if (!entry.ok()) {
          ++failures;
          return;
        }
        const int count = std::stoi(ToString((*entry)->value));
        const auto outcome =
            ledger().Commit({{UnchangedSince{"/counter", (*entry)->modified}},
                             {Put{"/counter", ToBytes(std::to_string(count + 1))}}});
        if (!outcome.ok()) {
          ++failures;
          return;
        }
        if (outcome->committed) ++won;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(ValueOf("/counter"), std::to_string(kThreads * kEach));
}

TEST_P(LedgerContract, GivesWhatIsToBeAloneARevisionOfItsOwn) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<std::vector<Revision>> revisions(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        const auto outcome = ledger().Commit(
            {{}, {Put{"/" + std::to_string(i), ToBytes(std::to_string(n))}}, /*alone=*/true});
        if (outcome.ok() && outcome->committed) revisions[i].push_back(outcome->revision);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Revision> all;
  for (const auto& one : revisions) {
    EXPECT_TRUE(std::ranges::is_sorted(one));
    all.insert(all.end(), one.begin(), one.end());
  }
  std::ranges::sort(all);
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
  EXPECT_EQ(ledger().CurrentRevision().value(), all.back());
}

TEST_P(LedgerContract, KeepsEverythingOverAReopening) {
  const Revision first = PutOne("/a", "one");
  PutOne("/b", "two");
  const Revision removed = RemoveOne("/b");
  Reopen();
  EXPECT_EQ(ledger().CurrentRevision().value(), removed);
  EXPECT_EQ(ValueOf("/a"), "one");
  EXPECT_EQ(ledger().Get("/a").value()->modified, first);
  EXPECT_EQ(ValueOf("/b"), std::nullopt);
  EXPECT_GT(PutOne("/c", "three"), removed);
}

TEST_P(LedgerContract, FeedTellsWhatWasAndWhatComes) {
  const Revision before = PutOne("/k/a", "0");
  const Revision one = PutOne("/k/a", "1");
  FeedLog log;
  auto feed = ledger().Follow("/k/", before, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  log.Until("/k/a", one);
  PutOne("/other", "x");
  const Revision two = PutOne("/k/b", "2");
  log.Until("/k/b", two);
  const Revision three = RemoveOne("/k/a");
  EXPECT_THAT(Plain(log.Until("/k/a", three)),
              ElementsAre(Told("/k/a", "1", Number(one)), Told("/k/b", "2", Number(two)),
                          Told("/k/a", std::nullopt, Number(three))));
}

TEST_P(LedgerContract, FeedTellsAllKeysOfACommitAtItsRevision) {
  FeedLog log;
  auto feed = ledger().Follow("", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  Transaction transaction;
  for (int i = 0; i < 100; ++i)
    transaction.writes.push_back(Put{"/k/" + std::to_string(100 + i), ToBytes("x")});
  const Revision revision = Must(transaction);
  const std::vector<Change> changes = log.Until("/k/199", revision);
  ASSERT_EQ(changes.size(), 100U);
  for (const Change& change : changes) {
    EXPECT_EQ(change.revision, revision);
    EXPECT_EQ(change.completes, change.key == "/k/199");
  }
}

// Threads whose commits wait for each other, and may be made together: each has its own guards and
// its own outcome, and a follower hears when it knows all of a revision.
TEST_P(LedgerContract, CommitsThatMeetAreEachForItself) {
  constexpr int kThreads = 16;
  constexpr int kEach = 20;
  FeedLog log;
  auto feed = ledger().Follow("/k/", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Revision last{};
      for (int n = 0; n < kEach; ++n) {
        const std::string key = "/k/" + std::to_string(i) + "/" + std::to_string(n);
        const Transaction create{{Absent{key}}, {Put{key, ToBytes("x")}, Touch{"/touched"}}};
        const Revision made = Must(create);
        EXPECT_GT(made, last);
        last = made;
        const auto again = ledger().Commit(create);
        EXPECT_TRUE(again.ok() && !again->committed);
        const auto entry = ledger().Get(key);
        EXPECT_TRUE(entry.ok() && *entry && (*entry)->modified == made);
        EXPECT_GE(NewestUnder("/touched/"), made);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<Change> changes = log.Until("/k/end", PutOne("/k/end", "end"));
  // What did not happen has touched nothing: a follower of the rest would wait for it in vain.
  EXPECT_EQ(NewestUnder("/touched/"), NewestUnder("/k/", "/k/end"));
  ASSERT_EQ(changes.size(), static_cast<std::size_t>(kThreads * kEach + 1));
  for (std::size_t i = 0; i + 1 < changes.size(); ++i) {
    EXPECT_EQ(changes[i].completes, changes[i].revision != changes[i + 1].revision);
  }
}

// What a follower of these changes knows in the end. Fails the test when revisions go back.
std::map<std::string, std::string> StateOf(const std::vector<Change>& changes) {
  std::map<std::string, std::string> state;
  Revision newest{0};
  for (const Change& change : changes) {
    EXPECT_GE(change.revision, newest);
    newest = change.revision;
    if (change.value) {
      state[change.key] = ToString(*change.value);
    } else {
      state.erase(change.key);
    }
  }
  return state;
}

// Followers under load, one from beginning to end and one that stops and goes on later: each ends
// with what the ledger has.
TEST_P(LedgerContract, FeedLeadsToTheLedgersState) {
  constexpr unsigned kWriters = 4;
  constexpr int kEach = 60;
  FeedLog whole;
  auto feed = ledger().Follow("/k/", Revision{0}, whole.OnChange(), whole.OnLost());
  ASSERT_TRUE(feed.ok());
  FeedLog parts;
  auto part = ledger().Follow("/k/", Revision{0}, parts.OnChange(), parts.OnLost());
  ASSERT_TRUE(part.ok());

  std::vector<std::thread> writers;
  for (unsigned seed = 0; seed < kWriters; ++seed) {
    writers.emplace_back([&, seed] {
      std::mt19937 generator(seed);
      for (int i = 0; i < kEach; ++i) {
        const std::string key = "/k/" + std::to_string(generator() % 10);
        const Transaction change =
            generator() % 3 == 0
                ? Transaction{{}, {Remove{key}}}
                : Transaction{{}, {Put{key, ToBytes(std::to_string(generator()))}}};
        if (!ledger().Commit(change).ok()) ADD_FAILURE();
      }
    });
  }
  const Revision middle = PutOne("/k/middle", "middle");
  parts.Until("/k/middle", middle);
  part->reset();
  for (std::thread& writer : writers) writer.join();
  const Revision last = PutOne("/k/end", "end");

  // It goes on behind the last revision of which it surely has everything.
  const std::vector<Change> first_part = parts.All();
  const Revision resume{Number(first_part.back().revision) - 1};
  FeedLog rest;
  auto resumed = ledger().Follow("/k/", resume, rest.OnChange(), rest.OnLost());
  ASSERT_TRUE(resumed.ok());
  std::vector<Change> both;
  for (const Change& change : first_part) {
    if (change.revision <= resume) both.push_back(change);
  }
  for (const Change& change : rest.Until("/k/end", last)) both.push_back(change);

  std::map<std::string, std::string> expected;
  const Result<Listing> listing = ledger().List(Range::Prefix("/k/"));
  ASSERT_TRUE(listing.ok());
  for (const Entry& entry : listing->entries) expected[entry.key] = ToString(entry.value);
  EXPECT_EQ(StateOf(whole.Until("/k/end", last)), expected);
  EXPECT_EQ(StateOf(both), expected);
}

TEST_P(LedgerContract, FeedResumesOverAReopening) {
  const Revision one = PutOne("/a", "1");
  const Revision two = PutOne("/b", "2");
  const Revision three = RemoveOne("/a");
  Reopen();
  FeedLog log;
  auto feed = ledger().Follow("/", one, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  EXPECT_THAT(Plain(log.Until("/a", three)),
              ElementsAre(Told("/b", "2", Number(two)), Told("/a", std::nullopt, Number(three))));
}

TEST_P(LedgerContract, FeedThatWasDestroyedTellsNothingMore) {
  FeedLog log;
  auto feed = ledger().Follow("", Revision{0}, log.OnChange(), log.OnLost());
  ASSERT_TRUE(feed.ok());
  log.Until("/a", PutOne("/a", "1"));
  feed->reset();
  PutOne("/b", "2");
  EXPECT_EQ(log.All().size(), 1U);
}

TEST_P(LedgerContract, FeedOfTheFutureIsRefused) {
  const Revision newest = PutOne("/a", "1");
  FeedLog log;
  const auto feed = ledger().Follow("", Revision{Number(newest) + 1}, log.OnChange(), log.OnLost());
  ASSERT_FALSE(feed.ok());
  EXPECT_EQ(feed.error().code(), Code::kOutOfRange);
}

TEST_P(LedgerContract, PurgeChangesNothingThatCanBeRead) {
  const Revision one = PutOne("/a", "1");
  PutOne("/b", "2");
  const Revision removed = RemoveOne("/b");
  ASSERT_TRUE(ledger().Purge().ok());
  EXPECT_EQ(ValueOf("/a"), "1");
  EXPECT_EQ(ledger().CurrentRevision().value(), removed);
  Reopen();
  EXPECT_EQ(ledger().Get("/a").value()->modified, one);
  EXPECT_THAT(KeysIn(Range::Prefix("/")), ElementsAre("/a"));
}

}  // namespace
}  // namespace twinseal::ledger
