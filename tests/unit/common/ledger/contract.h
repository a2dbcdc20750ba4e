// What every engine of the ledger must do. An engine joins by instantiating LedgerContract with a
// function that makes a fresh ledger's bench.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/ledger/ledger.h"

namespace twinseal::ledger {

// One empty ledger, which can be closed and opened again.
class LedgerBench {
 public:
  virtual ~LedgerBench() = default;
  virtual Ledger& ledger() = 0;
  virtual void Reopen() = 0;
};

struct EngineUnderTest {
  std::string name;
  std::function<std::unique_ptr<LedgerBench>()> make;

  friend void PrintTo(const EngineUnderTest& engine, std::ostream* out) { *out << engine.name; }
};

class LedgerContract : public testing::TestWithParam<EngineUnderTest> {
 protected:
  LedgerContract() : bench_(GetParam().make()) {}

  Ledger& ledger() { return bench_->ledger(); }
  void Reopen() { bench_->Reopen(); }

  // Commits that must go well.
  Revision PutOne(const std::string& key, const std::string& value) {
    return Must({{}, {Put{key, ToBytes(value)}}});
  }
  Revision RemoveOne(const std::string& key) { return Must({{}, {Remove{key}}}); }
  Revision Must(const Transaction& transaction) {
    const Result<Outcome> outcome = ledger().Commit(transaction);
    if (!outcome.ok()) {
      ADD_FAILURE() << outcome.error().Describe();
      return Revision{};
    }
    EXPECT_TRUE(outcome->committed);
    return outcome->revision;
  }

  std::optional<std::string> ValueOf(const std::string& key) {
    const Result<std::optional<Entry>> entry = ledger().Get(key);
    if (!entry.ok()) {
      ADD_FAILURE() << entry.error().Describe();
      return std::nullopt;
    }
    if (!entry->has_value()) return std::nullopt;
    return ToString((*entry)->value);
  }

  std::vector<std::string> KeysIn(const Range& range) {
    const Result<Listing> listing = ledger().List(range);
    std::vector<std::string> keys;
    if (!listing.ok()) {
      ADD_FAILURE() << listing.error().Describe();
      return keys;
    }
    for (const Entry& entry : listing->entries) keys.push_back(entry.key);
    return keys;
  }

  // The revision of the newest key under the prefix but that one.
  Revision NewestUnder(const std::string& prefix, const std::string& but = "") {
    const Result<Listing> listing = ledger().List(Range::Prefix(prefix));
    EXPECT_TRUE(listing.ok());
    Revision newest{};
    for (const Entry& entry : listing->entries) {
      if (entry.key != but) newest = std::max(newest, entry.modified);
    }
    return newest;
  }

 private:
  std::unique_ptr<LedgerBench> bench_;
};

// What a feed told, waited for.
class FeedLog {
 public:
  std::function<void(const Change&)> OnChange() {
    return [this](const Change& change) {
      const std::lock_guard lock(mutex_);
      changes_.push_back(change);
      told_.notify_all();
    };
  }
  std::function<void(const Error&)> OnLost() {
    return [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      lost_.push_back(error.code());
      told_.notify_all();
    };
  }

  // All changes, once the one of `key` by `revision` was told.
  std::vector<Change> Until(const std::string& key, Revision revision) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] {
      for (const Change& change : changes_) {
        if (change.key == key && change.revision == revision) return true;
      }
      return !lost_.empty();
    });
    return changes_;
  }
  std::vector<Change> All() {
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  std::vector<Code> UntilLost() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return !lost_.empty(); });
    return lost_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<Change> changes_;
  std::vector<Code> lost_;
};

}  // namespace twinseal::ledger
