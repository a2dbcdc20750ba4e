#include "common/ledger/sqlite_store.h"

#include <limits>
#include <utility>

#include <SQLiteCpp/Column.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "common/sqlite/use.h"

namespace twinseal::ledger {
namespace {

constexpr std::string_view kWhat = "the ledger";
constexpr std::int32_t kApplicationId = 0x54534c47;  // "TSLG"
constexpr std::int32_t kFormat = 1;

// There is no table of changes: an entry says itself which commit wrote it last, and `removals`
// says it of keys that are gone. So the feed keeps no value that the entries do not have, and
// nothing of it is left when a key is destroyed.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, created INTEGER NOT NULL,
  modified INTEGER NOT NULL) STRICT;
CREATE INDEX entries_by_modified ON entries (modified, key);
CREATE TABLE removals (key BLOB PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX removals_by_revision ON removals (revision, key);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('revision', 0), ('forgotten', 0);
)sql";

std::int64_t Signed(Revision revision) { return static_cast<std::int64_t>(Number(revision)); }
Revision AsRevision(std::int64_t number) { return Revision{static_cast<std::uint64_t>(number)}; }

using sqlite::Use;

Entry EntryOf(SQLite::Statement& row) {
  return {ToString(sqlite::BlobOf(row.getColumn(0))), sqlite::BlobOf(row.getColumn(1)),
          AsRevision(row.getColumn(2).getInt64()), AsRevision(row.getColumn(3).getInt64())};
}

}  // namespace

Result<std::unique_ptr<StoreWriter>> StoreWriter::Open(const std::filesystem::path& path,
                                                       std::size_t kept_removals,
                                                       std::uint32_t max_pages) {
  TWINSEAL_ASSIGN_OR_RETURN(auto database, sqlite::Open(path, {.what = kWhat,
                                                               .application_id = kApplicationId,
                                                               .schema_version = kFormat,
                                                               .schema = kSchema,
                                                               .sync = sqlite::Sync::kFull,
                                                               .secure_delete = true,
                                                               .check = true,
                                                               .max_pages = max_pages}));
  return sqlite::Guard(kWhat, [&]() -> Result<std::unique_ptr<StoreWriter>> {
    return std::unique_ptr<StoreWriter>(new StoreWriter(std::move(database), kept_removals));
  });
}

StoreWriter::StoreWriter(std::unique_ptr<SQLite::Database> database, std::size_t kept_removals)
    : database_(std::move(database)),
      find_(*database_, "SELECT modified FROM entries WHERE key = ?"),
      put_(*database_,
           "INSERT INTO entries (key, value, created, modified) VALUES (?1, ?2, ?3, ?3) "
           "ON CONFLICT (key) DO UPDATE SET value = excluded.value, modified = excluded.modified"),
      remove_(*database_, "DELETE FROM entries WHERE key = ?"),
      insert_removal_(*database_, "INSERT INTO removals (key, revision) VALUES (?, ?)"),
      delete_removal_(*database_, "DELETE FROM removals WHERE key = ?"),
      set_counter_(*database_, "UPDATE counters SET value = ?2 WHERE name = ?1"),
      kept_removals_(kept_removals) {
  revision_ = AsRevision(Counter("revision"));
  forgotten_ = AsRevision(Counter("forgotten"));
  removals_ =
      static_cast<std::size_t>(database_->execAndGet("SELECT count(*) FROM removals").getInt64());
}

std::int64_t StoreWriter::Counter(const char* name) {
  SQLite::Statement query(*database_, "SELECT value FROM counters WHERE name = ?");
  query.bind(1, name);
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

void StoreWriter::SetCounter(const char* name, std::int64_t value) {
  Use update(set_counter_);
  update->bind(1, name);
  update->bind(2, value);
  update->exec();
}

Result<std::vector<Outcome>> StoreWriter::Apply(
    const std::vector<const Transaction*>& transactions) {
  const Revision revision_before = revision_;
  const Revision forgotten_before = forgotten_;
  const std::size_t removals_before = removals_;
  auto applied = sqlite::Guard(kWhat, [&]() -> Result<std::vector<Outcome>> {
    SQLite::Transaction commit(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    std::vector<Outcome> outcomes;
    outcomes.reserve(transactions.size());
    for (const Transaction* transaction : transactions) {
      outcomes.push_back(ApplyOne(*transaction, revision_));
      revision_ = outcomes.back().revision;
    }
    if (revision_ == revision_before) return outcomes;
    ForgetRemovals();
    SetCounter("revision", Signed(revision_));
    commit.commit();
    return outcomes;
  });
  if (!applied.ok()) {
    revision_ = revision_before;
    forgotten_ = forgotten_before;
    removals_ = removals_before;
  }
  return applied;
}

// Guards come before the first write, so a transaction whose guards do not hold has nothing to
// undo; any error undoes the whole commit. Hence no savepoints.
Outcome StoreWriter::ApplyOne(const Transaction& transaction, Revision newest) {
  for (const Guard& guard : transaction.guards) {
    if (!Holds(guard)) return {false, newest};
  }
  const Revision next{Number(newest) + 1};
  bool changed = false;
  for (const Write& write : transaction.writes) {
    changed |= std::visit([&](const auto& one) { return Do(one, next); }, write);
  }
  return {true, changed ? next : newest};
}

std::optional<Revision> StoreWriter::ModifiedAt(const std::string& key) {
  Use query(find_);
  sqlite::BindBlob(*query, 1, AsBytes(key));
  if (!query->executeStep()) return std::nullopt;
  return AsRevision(query->getColumn(0).getInt64());
}

bool StoreWriter::Holds(const Guard& guard) {
  if (const Absent* absent = std::get_if<Absent>(&guard))
    return !ModifiedAt(absent->key).has_value();
  const UnchangedSince& unchanged = std::get<UnchangedSince>(guard);
  return ModifiedAt(unchanged.key) == unchanged.modified;
}

bool StoreWriter::Do(const Put& put, Revision revision) {
  Use statement(put_);
  sqlite::BindBlob(*statement, 1, AsBytes(put.key));
  sqlite::BindBlob(*statement, 2, put.value);
  statement->bind(3, Signed(revision));
  statement->exec();
  Use removal(delete_removal_);
  sqlite::BindBlob(*removal, 1, AsBytes(put.key));
  removals_ -= static_cast<std::size_t>(removal->exec());
  return true;
}

bool StoreWriter::Do(const Remove& remove, Revision revision) {
  Use statement(remove_);
  sqlite::BindBlob(*statement, 1, AsBytes(remove.key));
  if (statement->exec() == 0) return false;
  Use removal(insert_removal_);
  sqlite::BindBlob(*removal, 1, AsBytes(remove.key));
  removal->bind(2, Signed(revision));
  removal->exec();
  ++removals_;
  return true;
}

bool StoreWriter::Do(const Touch& touch, Revision revision) {
  return Do(Put{TouchedKey(touch, 0), {}}, revision);
}

// A quarter at a time, so that it is not done with every commit.
void StoreWriter::ForgetRemovals() {
  if (removals_ <= kept_removals_ + kept_removals_ / 4) return;
  const std::size_t surplus = removals_ - kept_removals_;
  SQLite::Statement last(*database_,
                         "SELECT revision FROM removals ORDER BY revision, key LIMIT 1 OFFSET ?");
  last.bind(1, static_cast<std::int64_t>(surplus - 1));
  if (!last.executeStep()) return;
  const std::int64_t revision = last.getColumn(0).getInt64();
  last.reset();
  SQLite::Statement forget(*database_, "DELETE FROM removals WHERE revision <= ?");
  forget.bind(1, revision);
  removals_ -= static_cast<std::size_t>(forget.exec());
  forgotten_ = AsRevision(revision);
  SetCounter("forgotten", revision);
}

Status StoreWriter::Purge() {
  return sqlite::Guard(kWhat, [&]() -> Status {
    // secure_delete zeroes what is removed, but rows that SQLite had moved between pages before
    // have left copies in the gaps. Only a file that is written anew has none.
    database_->exec("VACUUM");
    int left = 0;
    const int code = sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr,
                                               SQLITE_CHECKPOINT_TRUNCATE, &left, nullptr);
    if (code == SQLITE_OK && left == 0) return Ok();
    return Error(Code::kUnavailable,
                 "old values could not be removed from the ledger's files now; try again later",
                 fmt::format("SQLite error {}", code));
  });
}

Result<std::unique_ptr<StoreReader>> StoreReader::Open(const std::filesystem::path& path) {
  TWINSEAL_ASSIGN_OR_RETURN(auto database, sqlite::OpenReader(path, kWhat));
  return sqlite::Guard(kWhat, [&]() -> Result<std::unique_ptr<StoreReader>> {
    return std::unique_ptr<StoreReader>(new StoreReader(std::move(database)));
  });
}

StoreReader::StoreReader(std::unique_ptr<SQLite::Database> database)
    : database_(std::move(database)),
      get_(*database_, "SELECT key, value, created, modified FROM entries WHERE key = ?"),
      // Two statements, so that the end is found by the index.
      list_(*database_,
            "SELECT key, value, created, modified FROM entries WHERE key >= ?1 AND key < ?2 ORDER "
            "BY key LIMIT ?3"),
      list_on_(*database_,
               "SELECT key, value, created, modified FROM entries WHERE key >= ?1 ORDER BY key "
               "LIMIT ?3"),
      // Each half comes ordered from its index; row values compare as (revision, key) does.
      changes_(*database_,
               "SELECT key, modified AS revision, value, 0 FROM entries "
               "  WHERE (modified, key) > (?3, ?4) AND key >= ?1 AND (?2 IS NULL OR key < ?2) "
               "UNION ALL SELECT key, revision, NULL, 1 FROM removals "
               "  WHERE (revision, key) > (?3, ?4) AND key >= ?1 AND (?2 IS NULL OR key < ?2) "
               "ORDER BY revision, key LIMIT ?5"),
      counter_(*database_, "SELECT value FROM counters WHERE name = ?") {}

Result<std::optional<Entry>> StoreReader::Get(std::string_view key) {
  return sqlite::Guard(kWhat, [&]() -> Result<std::optional<Entry>> {
    Use query(get_);
    sqlite::BindBlob(*query, 1, AsBytes(key));
    if (!query->executeStep()) return std::optional<Entry>();
    return std::optional<Entry>(EntryOf(*query));
  });
}

Result<Listing> StoreReader::List(const Range& range) {
  return sqlite::Guard(kWhat, [&]() -> Result<Listing> {
    SQLite::Transaction snapshot(*database_);
    Listing listing;
    listing.revision = Counter("revision");
    Use query(range.end.empty() ? list_on_ : list_);
    sqlite::BindBlob(*query, 1, AsBytes(range.first));
    if (!range.end.empty()) sqlite::BindBlob(*query, 2, AsBytes(range.end));
    constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max() - 1;
    query->bind(3, range.limit == 0 || range.limit > kMost
                       ? std::int64_t{-1}
                       : static_cast<std::int64_t>(range.limit) + 1);
    while (query->executeStep()) {
      if (range.limit != 0 && listing.entries.size() == range.limit) {
        listing.more = true;
        break;
      }
      listing.entries.push_back(EntryOf(*query));
    }
    return listing;
  });
}

Result<FeedPage> StoreReader::Changes(const Range& range, const FeedPosition& position,
                                      std::size_t limit) {
  return sqlite::Guard(kWhat, [&]() -> Result<FeedPage> {
    SQLite::Transaction snapshot(*database_);
    FeedPage page;
    page.newest = Counter("revision");
    page.forgotten = Counter("forgotten");
    Use query(changes_);
    sqlite::BindBlob(*query, 1, AsBytes(range.first));
    if (range.end.empty()) {
      query->bind(2);
    } else {
      sqlite::BindBlob(*query, 2, AsBytes(range.end));
    }
    query->bind(3, Signed(position.revision));
    sqlite::BindBlob(*query, 4, AsBytes(position.key));
    query->bind(5, static_cast<std::int64_t>(limit) + 1);
    while (query->executeStep()) {
      if (page.changes.size() == limit) {
        page.more = true;
        break;
      }
      Change& change = page.changes.emplace_back();
      change.key = ToString(sqlite::BlobOf(query->getColumn(0)));
      change.revision = AsRevision(query->getColumn(1).getInt64());
      if (query->getColumn(3).getInt() == 0) change.value = sqlite::BlobOf(query->getColumn(2));
    }
    return page;
  });
}

Revision StoreReader::Counter(const char* name) {
  Use query(counter_);
  query->bind(1, name);
  return query->executeStep() ? AsRevision(query->getColumn(0).getInt64()) : Revision{};
}

}  // namespace twinseal::ledger
