#include "firmware/journal/archive.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <SQLiteCpp/Column.h>
#include <fmt/format.h>

#include "common/base/mutex.h"
#include "common/sqlite/database.h"
#include "common/sqlite/use.h"

namespace twinseal::journal {
namespace {

constexpr std::string_view kWhat = "the archive";
constexpr std::int32_t kApplicationId = 0x54534152;  // "TSAR"
constexpr std::int32_t kFormat = 1;

// The triggers keep our own mistakes from changing what was written.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE entries (position INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, content BLOB NOT NULL) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('through', 0), ('entries', 0);
CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'immutable'); END;
CREATE TRIGGER entries_keep BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'immutable'); END;
)sql";

constexpr std::size_t kPageBytes = std::size_t{1024} * 1024;

std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }
Position AsPosition(std::int64_t number) { return Position{static_cast<std::uint64_t>(number)}; }

Entry EntryOf(SQLite::Statement& row) {
  return {ToString(sqlite::BlobOf(row.getColumn(1))), sqlite::BlobOf(row.getColumn(2)),
          AsPosition(row.getColumn(0).getInt64())};
}

class Store final : public Archive {
 public:
  Store(std::unique_ptr<SQLite::Database> writer, std::unique_ptr<SQLite::Database> reader)
      : writer_(std::move(writer)),
        insert_(*writer_,
                "INSERT INTO entries (position, name, content) VALUES (?, ?, ?) ON CONFLICT DO "
                "NOTHING"),
        same_(*writer_, "SELECT count(*) FROM entries WHERE name = ? AND content = ?"),
        set_counter_(*writer_, "UPDATE counters SET value = ?2 WHERE name = ?1"),
        reader_(std::move(reader)),
        find_(*reader_, "SELECT position, name, content FROM entries WHERE name = ?"),
        find_under_(*reader_,
                    "SELECT position, name, content FROM entries WHERE name >= ? AND name < ? "
                    "ORDER BY position"),
        next_name_(*reader_,
                   "SELECT name FROM entries WHERE name >= ? AND name < ? ORDER BY name LIMIT 1"),
        read_(*reader_,
              "SELECT position, name, content FROM entries WHERE position > ?1 AND position <= ?2 "
              "ORDER BY position") {
    through_ = static_cast<std::uint64_t>(Counter("through"));
    entries_ = static_cast<std::uint64_t>(Counter("entries"));
  }

  Status Add(const std::vector<Entry>& entries, Position through) override {
    const MutexLock lock(writing_);
    const std::uint64_t reached = std::max(through_.load(), Number(through));
    std::uint64_t held = entries_;
    Status added = sqlite::Guard(kWhat, [&]() -> Status {
      SQLite::Transaction commit(*writer_, SQLite::TransactionBehavior::IMMEDIATE);
      for (const Entry& entry : entries) {
        TWINSEAL_ASSIGN_OR_RETURN(const bool is_new, Insert(entry));
        if (is_new) ++held;
      }
      if (held == entries_ && reached == through_) return Ok();
      SetCounter("through", Signed(reached));
      SetCounter("entries", Signed(held));
      commit.commit();
      return Ok();
    });
    if (!added.ok()) return added;
    entries_ = held;
    through_ = reached;
    return Ok();
  }

  Result<std::optional<Entry>> Find(std::string_view name) override {
    const MutexLock lock(reading_);
    return sqlite::Guard(kWhat, [&]() -> Result<std::optional<Entry>> {
      sqlite::Use query(find_);
      sqlite::BindBlob(*query, 1, AsBytes(name));
      if (!query->executeStep()) return std::optional<Entry>();
      return std::optional<Entry>(EntryOf(*query));
    });
  }

  Result<std::vector<Entry>> FindUnder(std::string_view prefix) override {
    const ledger::Range names = ledger::Range::Prefix(prefix);
    const MutexLock lock(reading_);
    return sqlite::Guard(kWhat, [&]() -> Result<std::vector<Entry>> {
      std::vector<Entry> entries;
      sqlite::Use query(find_under_);
      sqlite::BindBlob(*query, 1, AsBytes(names.first));
      sqlite::BindBlob(*query, 2, AsBytes(names.end));
      while (query->executeStep()) entries.push_back(EntryOf(*query));
      return entries;
    });
  }

  Result<std::vector<std::string>> GroupsUnder(std::string_view prefix, std::string_view after,
                                               std::size_t limit) override {
    const std::string end = ledger::Range::Prefix(prefix).end;
    std::string from = after.empty() ? std::string(prefix) : BehindGroup(prefix, after);
    const MutexLock lock(reading_);
    return sqlite::Guard(kWhat, [&]() -> Result<std::vector<std::string>> {
      std::vector<std::string> groups;
      while (groups.size() < limit) {
        sqlite::Use query(next_name_);
        sqlite::BindBlob(*query, 1, AsBytes(from));
        sqlite::BindBlob(*query, 2, AsBytes(end));
        if (!query->executeStep()) break;
        groups.push_back(GroupOf(ToString(sqlite::BlobOf(query->getColumn(0))), prefix));
        from = BehindGroup(prefix, groups.back());
      }
      return groups;
    });
  }

  Result<ArchivePage> Read(Position after) override {
    const MutexLock lock(reading_);
    return sqlite::Guard(kWhat, [&]() -> Result<ArchivePage> {
      ArchivePage page;
      page.through = std::max(after, through());
      std::size_t bytes = 0;
      sqlite::Use query(read_);
      query->bind(1, Signed(Number(after)));
      query->bind(2, Signed(Number(page.through)));
      while (query->executeStep()) {
        page.entries.push_back(EntryOf(*query));
        bytes += page.entries.back().content.size() + page.entries.back().name.size();
        if (bytes < kPageBytes && page.entries.size() < kMaxPageEntries) continue;
        page.through = page.entries.back().position;
        break;
      }
      return page;
    });
  }

  Position through() const override { return Position{through_.load()}; }
  std::uint64_t entries() const override { return entries_; }

 private:
  std::int64_t Counter(const char* name) {
    SQLite::Statement query(*writer_, "SELECT value FROM counters WHERE name = ?");
    query.bind(1, name);
    return query.executeStep() ? query.getColumn(0).getInt64() : 0;
  }

  void SetCounter(const char* name, std::int64_t value) {
    sqlite::Use update(set_counter_);
    update->bind(1, name);
    update->bind(2, value);
    update->exec();
  }

  // False for one that is there already.
  Result<bool> Insert(const Entry& entry) {
    sqlite::Use insert(insert_);
    insert->bind(1, Signed(Number(entry.position)));
    sqlite::BindBlob(*insert, 2, AsBytes(entry.name));
    sqlite::BindBlob(*insert, 3, entry.content);
    if (insert->exec() != 0) return true;
    sqlite::Use same(same_);
    sqlite::BindBlob(*same, 1, AsBytes(entry.name));
    sqlite::BindBlob(*same, 2, entry.content);
    if (same->executeStep() && same->getColumn(0).getInt64() == 1) return false;
    return Error(Code::kDataLoss,
                 fmt::format("the archive has another entry under the name {} or at position {}: "
                             "it is not this pair's, or was changed by other hands; keep the file "
                             "as evidence, and put back a copy of it or move it away",
                             entry.name, Number(entry.position)));
  }

  Mutex writing_;
  std::unique_ptr<SQLite::Database> writer_ TWINSEAL_GUARDED_BY(writing_);
  SQLite::Statement insert_ TWINSEAL_GUARDED_BY(writing_);
  SQLite::Statement same_ TWINSEAL_GUARDED_BY(writing_);
  SQLite::Statement set_counter_ TWINSEAL_GUARDED_BY(writing_);
  Mutex reading_;
  std::unique_ptr<SQLite::Database> reader_ TWINSEAL_GUARDED_BY(reading_);
  SQLite::Statement find_ TWINSEAL_GUARDED_BY(reading_);
  SQLite::Statement find_under_ TWINSEAL_GUARDED_BY(reading_);
  SQLite::Statement next_name_ TWINSEAL_GUARDED_BY(reading_);
  SQLite::Statement read_ TWINSEAL_GUARDED_BY(reading_);
  std::atomic<std::uint64_t> through_ = 0;
  std::atomic<std::uint64_t> entries_ = 0;
};

}  // namespace

Result<std::unique_ptr<Archive>> Archive::Open(const std::filesystem::path& path,
                                               ArchiveOptions options) {
  TWINSEAL_ASSIGN_OR_RETURN(auto writer, sqlite::Open(path, {.what = kWhat,
                                                             .application_id = kApplicationId,
                                                             .schema_version = kFormat,
                                                             .schema = kSchema,
                                                             .sync = sqlite::Sync::kFull,
                                                             .max_pages = options.max_pages}));
  TWINSEAL_ASSIGN_OR_RETURN(auto reader, sqlite::OpenReader(path, kWhat));
  return sqlite::Guard(kWhat, [&]() -> Result<std::unique_ptr<Archive>> {
    return std::unique_ptr<Archive>(std::make_unique<Store>(std::move(writer), std::move(reader)));
  });
}

}  // namespace twinseal::journal
