#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "firmware/journal/copier_thread.h"
#include "tests/unit/firmware/journal/journal_fixture.h"

namespace twinseal::journal {
namespace {

using test::Succeeds;

constexpr CopierPace kQuick = {.gather = std::chrono::milliseconds(5),
                               .tend = std::chrono::milliseconds(50),
                               .retry = std::chrono::milliseconds(20)};

// Waits until so many entries have left the ledger.
class Drops {
 public:
  explicit Drops(ledger::Ledger& ledger) {
    feed_ = ledger
                .Follow(
                    std::string(kEntryPrefix), ledger.CurrentRevision().value(),
                    [this](const ledger::Change& change) {
                      const std::lock_guard lock(mutex_);
                      if (!change.value) dropped_.insert(change.key);
                      told_.notify_all();
                    },
                    [](const Error& error) { ADD_FAILURE() << error.Describe(); })
                .value();
  }
  void Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return dropped_.size() >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::set<std::string> dropped_;
  std::unique_ptr<ledger::Feed> feed_;
};

class JournalThreadTest : public JournalTest {};

INSTANTIATE_TEST_SUITE_P(Engines, JournalThreadTest,
                         testing::Values(ledger::SqliteEngine(), ledger::EtcdEngine()),
                         [](const auto& engine) { return engine.param.name; });

// Two sites issue at the same time; one is away for the middle of it, and comes back with nothing.
TEST_P(JournalThreadTest, EverythingEndsInEveryArchiveAndNothingInTheLedger) {
  constexpr int kWriters = 4;
  constexpr int kEach = 40;
  Site a(ledger(), "a", {"a", "b"});
  Site b(ledger(), "b", {"a", "b"});
  b.CanAsk(a);
  ASSERT_THAT(a.Round(), Succeeds());
  ASSERT_THAT(b.Round(), Succeeds());
  Drops drops(ledger());
  const auto issue = [&](int round) {
    std::vector<std::thread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&, writer] {
        Site& site = writer % 2 == 0 ? a : b;
        for (int i = 0; i < kEach; ++i) {
          Issue(site, std::to_string(round) + "/" + std::to_string(writer * kEach + i), "content");
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
  };
  CopierThread at_a(ledger(), a.copier(), a.backlog(), kQuick);
  at_a.Start();
  {
    CopierThread at_b(ledger(), b.copier(), b.backlog(), kQuick);
    at_b.Start();
    issue(0);
    drops.Await(kWriters * kEach);
  }
  issue(1);
  b.BeginWith({});
  {
    CopierThread at_b(ledger(), b.copier(), b.backlog(), kQuick);
    at_b.Start();
    drops.Await(2 * kWriters * kEach);
  }
  at_a.Stop();
  EXPECT_TRUE(Waits().empty());
  EXPECT_EQ(a.archive().entries(), 2U * kWriters * kEach);
  EXPECT_EQ(a.All().size(), 2U * kWriters * kEach);
  EXPECT_EQ(a.All(), b.All());
  EXPECT_EQ(a.backlog().Figures().problem, "");
}

TEST_P(JournalThreadTest, StopsWhileNothingHappens) {
  Site a(ledger(), "a", {"a"});
  CopierThread thread(ledger(), a.copier(), a.backlog());
  thread.Start();
  thread.Stop();
}

}  // namespace
}  // namespace twinseal::journal
