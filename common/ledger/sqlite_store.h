// The SQLite ledger's file: its tables and statements. No threads in here; sqlite_ledger.cpp has
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "common/sqlite/database.h"

namespace twinseal::ledger {

// Writes. One thread at a time.
class StoreWriter {
 public:
  static Result<std::unique_ptr<StoreWriter>> Open(const std::filesystem::path& path,
                                                   std::size_t kept_removals,
                                                   std::uint32_t max_pages);

  // Does the transactions in their order in one synced commit. An error is everybody's: nothing
  // happened to any.
  Result<std::vector<Outcome>> Apply(const std::vector<const Transaction*>& transactions);

  // Writes the file anew and empties the write-ahead log: both then hold what can be read, and
  // nothing else. unavailable when readers stay in the way, resource_exhausted when there is no
  // room for the new file beside the old.
  Status Purge();

  Revision revision() const { return revision_; }
  // Removals up to this revision are forgotten.
  Revision forgotten() const { return forgotten_; }

 private:
  explicit StoreWriter(std::unique_ptr<SQLite::Database> database, std::size_t kept_removals);
  std::int64_t Counter(const char* name);
  void SetCounter(const char* name, std::int64_t value);
  std::optional<Revision> ModifiedAt(const std::string& key);
  bool Holds(const Guard& guard);
  bool Do(const Put& put, Revision revision);
  bool Do(const Remove& remove, Revision revision);
  bool Do(const Touch& touch, Revision revision);
  Outcome ApplyOne(const Transaction& transaction, Revision newest);
  void ForgetRemovals();

  std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement find_;
  SQLite::Statement put_;
  SQLite::Statement remove_;
  SQLite::Statement insert_removal_;
  SQLite::Statement delete_removal_;
  SQLite::Statement set_counter_;
  const std::size_t kept_removals_;
  std::size_t removals_ = 0;
  Revision revision_{};
  Revision forgotten_{};
};

// A place in the feed: behind the change of `key` by `revision`.
struct FeedPosition {
  Revision revision{};
  std::string key;
};

struct FeedPage {
  std::vector<Change> changes;
  Revision newest{};     // When the page was read.
  Revision forgotten{};  // As StoreWriter::forgotten().
  bool more = false;
};

// Reads what is committed. One thread at a time.
class StoreReader {
 public:
  static Result<std::unique_ptr<StoreReader>> Open(const std::filesystem::path& path);

  Result<std::optional<Entry>> Get(std::string_view key);
  Result<Listing> List(const Range& range);
  // At most `limit` changes of keys in `range` behind `position`, in order.
  Result<FeedPage> Changes(const Range& range, const FeedPosition& position, std::size_t limit);

 private:
  explicit StoreReader(std::unique_ptr<SQLite::Database> database);
  Revision Counter(const char* name);

  std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement get_;
  SQLite::Statement list_;
  SQLite::Statement list_on_;
  SQLite::Statement changes_;
  SQLite::Statement counter_;
};

}  // namespace twinseal::ledger
