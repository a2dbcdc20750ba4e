// What is SQLite's own: the file, its faults, and what is left in it.
#include "common/ledger/sqlite_ledger.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <iterator>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/doomed_child.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/common/ledger/contract.h"

namespace twinseal::ledger {
namespace {

std::unique_ptr<Ledger> MustOpen(const std::filesystem::path& path,
                                 SqliteLedgerOptions options = {}) {
  auto opened = SqliteLedger::Open(path, options);
  if (!opened.ok()) throw std::runtime_error(opened.error().Describe());
  return std::move(opened).value();
}

Outcome MustPut(Ledger& ledger, const std::string& key, const std::string& value) {
  const auto outcome = ledger.Commit({{}, {Put{key, ToBytes(value)}}});
  if (!outcome.ok()) throw std::runtime_error(outcome.error().Describe());
  return *outcome;
}

std::string FileBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The bytes of all files of the folder.
std::string AllBytes(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    bytes += FileBytes(file.path());
  return bytes;
}

TEST(SqliteLedger, NamesItsEngine) {
  const test::TempFolder folder;
  EXPECT_TRUE(MustOpen(folder / "ledger.db")->EngineName().starts_with("sqlite 3."));
}

TEST(SqliteLedger, LosesNothingAcknowledgedWhenItIsKilled) {
  constexpr std::uint64_t kThreads = 4;
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "ledger.db";
  for (int round = 0; round < 5; ++round) {
    const std::string mark = "/" + std::to_string(round) + "/";
    const auto told =
        test::RunAndKill(100 + 37 * static_cast<std::size_t>(round), [&](const auto& tell) {
          const auto ledger = MustOpen(path);
          std::vector<std::thread> threads;
          for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
              // More than any round waits for.
              for (std::uint64_t step = thread; step < 1'000'000; step += kThreads) {
                MustPut(*ledger, mark + std::to_string(step), std::to_string(step));
                tell(step);
              }
            });
          }
          for (std::thread& thread : threads) thread.join();
        });
    const auto ledger = MustOpen(path);
    for (const std::uint64_t step : told) {
      const auto entry = ledger->Get(mark + std::to_string(step));
      ASSERT_TRUE(entry.ok() && entry->has_value()) << step;
      EXPECT_EQ(ToString((*entry)->value), std::to_string(step));
    }
    // And what is there is whole: as many revisions as commits.
    const Listing listing = ledger->List(Range::Prefix("")).value();
    EXPECT_EQ(Number(listing.revision), listing.entries.size());
  }
}

TEST(SqliteLedger, ChangesNothingWhenTheDiskIsFull) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db", {.max_pages = 64});
  const Revision before = MustPut(*ledger, "/small", "fits").revision;
  const auto large =
      ledger->Commit({{}, {Put{"/large", Bytes(512 * 1024)}, Put{"/small", ToBytes("changed")}}});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code(), Code::kResourceExhausted);
  EXPECT_NE(large.error().message().find("disk is full"), std::string::npos);
  EXPECT_EQ(ToString(ledger->Get("/small").value()->value), "fits");
  EXPECT_FALSE(ledger->Get("/large").value().has_value());
  EXPECT_EQ(ledger->CurrentRevision().value(), before);
  EXPECT_EQ(Number(MustPut(*ledger, "/other", "fits too").revision), Number(before) + 1);
}

// In one batch with one that does not fit, those that do fit are committed.
TEST(SqliteLedger, LetsOthersThroughBesideOneThatDoesNotFit) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db", {.max_pages = 256});
  std::atomic<int> committed = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        const bool large = i % 4 == 0;
        const auto outcome = ledger->Commit({{},
                                             {Put{"/" + std::to_string(i) + "/" + std::to_string(n),
                                                  Bytes(large ? 1400 * 1024 : 100)}}});
        if (outcome.ok()) ++committed;
        if (!outcome.ok() && outcome.error().code() == Code::kResourceExhausted) ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(committed, 120);
  EXPECT_EQ(refused, 40);
  EXPECT_EQ(ledger->List(Range::Prefix("/"))->entries.size(), 120U);
}

// A disk that fails writes for a while: the file size limit stands in for it.
TEST(SqliteLedger, GoesOnWhenTheDiskWorksAgain) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db");
  MustPut(*ledger, "/before", "x");
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{256 * 1024, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto during = ledger->Commit({{}, {Put{"/during", Bytes(1024 * 1024)}}});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(during.ok());
  EXPECT_FALSE(ledger->Get("/during").value().has_value());
  MustPut(*ledger, "/after", "x");
  EXPECT_TRUE(ledger->Commit({{}, {Put{"/during", Bytes(1024 * 1024)}}}).ok());
  EXPECT_EQ(ledger->List(Range::Prefix("/"))->entries.size(), 3U);
}

TEST(SqliteLedger, RefusesDamagedFilesByName) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "ledger.db";
  {
    const auto ledger = MustOpen(path);
    for (int i = 0; i < 200; ++i) MustPut(*ledger, "/" + std::to_string(i), std::string(500, 'x'));
  }
  const std::string good = FileBytes(path);
  const auto refused_with = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto opened = SqliteLedger::Open(path);
    if (opened.ok()) return std::string("opened");
    EXPECT_EQ(opened.error().code(), Code::kDataLoss) << opened.error().Describe();
    EXPECT_NE(opened.error().message().find(path.string()), std::string::npos)
        << opened.error().message();
    return std::string(CodeName(opened.error().code()));
  };
  EXPECT_EQ(refused_with(good.substr(0, good.size() / 2)), "data_loss");
  EXPECT_EQ(refused_with(std::string(good.size(), '\xaa')), "data_loss");
  std::string spoiled = good;
  for (std::size_t page = 1; page < spoiled.size() / 4096; ++page) spoiled[page * 4096] = '\x7f';
  EXPECT_EQ(refused_with(spoiled), "data_loss");
  EXPECT_EQ(refused_with("this is no database, but it is a file that is long enough"), "data_loss");
  EXPECT_EQ(refused_with(good), "opened");
}

TEST(SqliteLedger, RefusesAnotherKindOfDatabase) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "ledger.db";
  MustOpen(path).reset();
  std::string bytes = FileBytes(path);
  bytes[68] = 'X';  // The application id in SQLite's header.
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  const auto opened = SqliteLedger::Open(path);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDataLoss);
  EXPECT_NE(opened.error().message().find(path.string()), std::string::npos);
}

TEST(SqliteLedger, IsPrivate) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "ledger.db";
  const auto ledger = MustOpen(path);
  MustPut(*ledger, "/a", "x");
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    struct stat info {};
    ASSERT_EQ(stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0600U) << file.path();
  }
}

TEST(SqliteLedger, RefusesFilesThatAreNotItsOwn) {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "ledger.db";
  const auto refused = [&] {
    const auto opened = SqliteLedger::Open(path);
    if (opened.ok()) return false;
    EXPECT_EQ(opened.error().code(), Code::kPermissionDenied);
    return true;
  };
  MustOpen(path).reset();
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(refused());
  ASSERT_EQ(chmod(path.c_str(), 0606), 0);
  EXPECT_TRUE(refused());
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_FALSE(refused());

  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  EXPECT_TRUE(refused());
  ASSERT_EQ(chmod(folder.path().c_str(), 0700), 0);

  std::filesystem::rename(path, folder / "elsewhere.db");
  std::filesystem::create_symlink(folder / "elsewhere.db", path);
  EXPECT_TRUE(refused());
  std::filesystem::remove(path);

  // Somebody else's: made so by root, or else a file of root's that everybody has.
  if (geteuid() == 0) {
    std::filesystem::rename(folder / "elsewhere.db", path);
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
    EXPECT_TRUE(refused());
  } else {
    const auto opened = SqliteLedger::Open("/etc/passwd");
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code(), Code::kPermissionDenied);
  }
}

TEST(SqliteLedger, SaysWhenTheFolderIsMissing) {
  const test::TempFolder folder;
  const auto opened = SqliteLedger::Open(folder / "missing" / "ledger.db");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kUnavailable);
}

// Values of every size, overwritten or removed in random order between others that stay, are gone
// from all files.
TEST(SqliteLedger, PurgeLeavesNoOldValueInAnyFile) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db");
  std::mt19937 generator(7);
  std::vector<std::string> old_values;
  std::vector<std::string> keys;
  const auto value = [&](std::size_t size) {
    std::string text =
        "VALUE-" + std::to_string(generator()) + "-" + std::to_string(generator()) + "-";
    // Recognizable at both ends, also when it spans overflow pages.
    return text + std::string(size, 'v') + text;
  };
  const auto head = [](const std::string& text) { return text.substr(0, text.find('v')); };
  for (int i = 0; i < 400; ++i) {
    keys.push_back("/key/" + std::to_string(generator()));
    old_values.push_back(value(generator() % 3000));
    MustPut(*ledger, keys.back(), old_values.back());
  }
  std::ranges::shuffle(keys, generator);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i % 2 == 0) {
      ASSERT_TRUE(ledger->Commit({{}, {Remove{keys[i]}}}).ok());
    } else {
      MustPut(*ledger, keys[i], std::string(generator() % 3000, 'n'));
    }
  }
  ASSERT_TRUE(ledger->Purge().ok());
  const std::string left = AllBytes(folder.path());
  for (const std::string& old_value : old_values) {
    ASSERT_EQ(left.find(head(old_value)), std::string::npos) << head(old_value);
  }
  // The search can find: a value that is there is found.
  MustPut(*ledger, "/planted", old_values.front());
  ASSERT_TRUE(ledger->Purge().ok());
  EXPECT_NE(AllBytes(folder.path()).find(head(old_values.front())), std::string::npos);
}

// When SQLite moves a row between pages, secure_delete leaves a copy in the gap that it had; many
// rows that change their size make it move many.
TEST(SqliteLedger, PurgeLeavesNoStaleCopyOfAMovedRow) {
  constexpr int kKeys = 2000;
  constexpr int kRounds = 4;
  constexpr int kPerCommit = 50;
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db");
  std::mt19937 generator(11);
  const auto name = [](int key) { return "/blob/" + std::to_string(key * 7919 % kKeys); };
  const auto head = [](int key) { return "HEAD-OF-" + std::to_string(key * 7919 % kKeys) + "-"; };
  for (int round = 0; round < kRounds; ++round) {
    for (int key = 0; key < kKeys; key += kPerCommit) {
      std::vector<Write> writes;
      for (int i = key; i < key + kPerCommit; ++i) {
        writes.emplace_back(Put{name(i), ToBytes(head(i) + std::string(generator() % 900, 'v'))});
      }
      ASSERT_TRUE(ledger->Commit({{}, std::move(writes)}).ok());
    }
  }
  for (int key = 0; key < kKeys; key += 2) {
    ASSERT_TRUE(ledger->Commit({{}, {Remove{name(key)}}}).ok());
  }
  ASSERT_TRUE(ledger->Purge().ok());
  const std::string left = AllBytes(folder.path());
  int copies = 0;
  for (int key = 0; key < kKeys; key += 2) {
    copies += left.find(head(key)) != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(copies, 0);
  EXPECT_NE(left.find(head(1)), std::string::npos);
}

TEST(SqliteLedger, PurgesWhileOthersReadAndWrite) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db");
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      while (!done) {
        if (i % 2 == 0) {
          if (!ledger->List(Range::Prefix("/")).ok()) ++failures;
        } else if (!ledger->Commit({{}, {Put{"/" + std::to_string(i), Bytes(2000)}}}).ok()) {
          ++failures;
        }
      }
    });
  }
  int purged = 0;
  for (int i = 0; i < 20; ++i) purged += ledger->Purge().ok() ? 1 : 0;
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(purged, 20);
}

TEST(SqliteLedger, FeedBehindWhatIsKeptIsRefused) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db", {.kept_removals = 8});
  const Revision begin = MustPut(*ledger, "/stays", "x").revision;
  Revision last{};
  for (int i = 0; i < 40; ++i) {
    MustPut(*ledger, "/" + std::to_string(i), "x");
    last = ledger->Commit({{}, {Remove{"/" + std::to_string(i)}}})->revision;
  }
  FeedLog log;
  const auto late = ledger->Follow("/", begin, log.OnChange(), log.OnLost());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Code::kOutOfRange);
  // From a listing's revision on it works, and so does a little way back.
  FeedLog recent;
  const auto feed =
      ledger->Follow("/", Revision{Number(last) - 3}, recent.OnChange(), recent.OnLost());
  ASSERT_TRUE(feed.ok());
  EXPECT_EQ(recent.Until("/39", last).back().value, std::nullopt);
}

TEST(SqliteLedger, FeedThatFallsBehindIsToldSo) {
  const test::TempFolder folder;
  const auto ledger = MustOpen(folder / "ledger.db", {.kept_removals = 8});
  std::promise<void> first_told;
  std::promise<void> go_on;
  std::atomic<bool> held = false;
  FeedLog log;
  const auto feed = ledger->Follow(
      "/", Revision{0},
      [&](const Change& change) {
        log.OnChange()(change);
        if (!held.exchange(true)) {
          first_told.set_value();
          go_on.get_future().wait();
        }
      },
      log.OnLost());
  ASSERT_TRUE(feed.ok());
  MustPut(*ledger, "/first", "x");
  first_told.get_future().wait();
  for (int i = 0; i < 40; ++i) {
    MustPut(*ledger, "/" + std::to_string(i), "x");
    ASSERT_TRUE(ledger->Commit({{}, {Remove{"/" + std::to_string(i)}}}).ok());
  }
  go_on.set_value();
  EXPECT_EQ(log.UntilLost(), std::vector<Code>{Code::kOutOfRange});
}

}  // namespace
}  // namespace twinseal::ledger
