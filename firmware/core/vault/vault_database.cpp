#include "firmware/core/vault/vault_database.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <SQLiteCpp/Column.h>
#include <fmt/format.h>

#include "common/sqlite/database.h"
#include "common/sqlite/use.h"

namespace twinseal::core {
namespace {

// "TSVT", so that another program's file is not taken for a vault.
constexpr std::int32_t kApplicationId = 0x54535654;
constexpr std::int32_t kSchemaVersion = 2;

constexpr std::string_view kSchema = R"(
CREATE TABLE slots (
  slot INTEGER PRIMARY KEY,
  record BLOB NOT NULL);
CREATE TABLE free_slots (
  slot INTEGER PRIMARY KEY,
  size INTEGER NOT NULL);
CREATE INDEX free_slots_by_size ON free_slots (size);
CREATE TABLE marks (
  key_id BLOB PRIMARY KEY,
  version INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  destroyed INTEGER NOT NULL,
  seal BLOB NOT NULL,
  slot INTEGER NOT NULL,
  size INTEGER NOT NULL) WITHOUT ROWID;
)";

using sqlite::Use;

// SQLite's integers have a sign; ours reach 2^63 no sooner than in a million years.
std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }

Error DamagedMarks(const std::string& name) {
  return Error(Code::kDataLoss,
               fmt::format("{} is not opened: the marks in it are damaged; put back a copy of it, "
                           "or move it away and install the keys again",
                           name));
}

}  // namespace

class Vault::Database::Transaction {
 public:
  Transaction(Database& database, bool synced) : database_(database), synced_(synced) {
    if (synced_) database_.database_->exec("PRAGMA synchronous = FULL");
    Use(database_.begin_)->exec();
  }
  ~Transaction() {
    if (!committed_) database_.database_->tryExec("ROLLBACK");
    if (synced_) database_.database_->tryExec("PRAGMA synchronous = NORMAL");
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void Commit() {
    Use(database_.commit_)->exec();
    committed_ = true;
  }

 private:
  Database& database_;
  const bool synced_;
  bool committed_ = false;
};

Vault::Database::Database(std::string name, std::unique_ptr<SQLite::Database> database)
    : name_(std::move(name)),
      database_(std::move(database)),
      begin_(*database_, "BEGIN IMMEDIATE"),
      commit_(*database_, "COMMIT"),
      read_slot_(*database_, "SELECT record FROM slots WHERE slot = ?"),
      fill_slot_(*database_, "UPDATE slots SET record = ? WHERE slot = ?"),
      clear_slot_(*database_, "UPDATE slots SET record = zeroblob(length(record)) WHERE slot = ?"),
      add_slot_(*database_, "INSERT INTO slots (record) VALUES (?)"),
      find_free_(*database_, "SELECT slot FROM free_slots WHERE size = ? LIMIT 1"),
      take_free_(*database_, "DELETE FROM free_slots WHERE slot = ?"),
      add_free_(*database_,
                "INSERT OR REPLACE INTO free_slots (slot, size) "
                "SELECT slot, length(record) FROM slots WHERE slot = ?"),
      write_mark_(*database_,
                  "INSERT INTO marks"
                  " (key_id, version, revision, generation, destroyed, slot, size, seal)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (key_id) DO UPDATE SET"
                  " version = ?2, revision = ?3, generation = ?4, destroyed = ?5, slot = ?6,"
                  " size = ?7, seal = ?8") {}

Result<std::unique_ptr<Vault::Database>> Vault::Database::Open(const std::filesystem::path& path,
                                                               const Options& options) {
  std::string name = fmt::format("the vault ({})", path.string());
  TWINSEAL_ASSIGN_OR_RETURN(auto database, sqlite::Open(path, {.what = "the vault",
                                                               .application_id = kApplicationId,
                                                               .schema_version = kSchemaVersion,
                                                               .schema = kSchema,
                                                               .sync = sqlite::Sync::kNormal,
                                                               .secure_delete = true,
                                                               .check = options.check_integrity,
                                                               .max_pages = options.max_pages}));
  return sqlite::Guard(name, [&]() -> Result<std::unique_ptr<Database>> {
    return std::unique_ptr<Database>(new Database(std::move(name), std::move(database)));
  });
}

Status Vault::Database::ReadMarks(const Each& each) {
  return sqlite::Guard(name_, [&]() -> Status {
    SQLite::Statement all(*database_,
                          "SELECT key_id, version, revision, generation, destroyed, slot, size, "
                          "seal FROM marks");
    while (all.executeStep()) {
      const SQLite::Column key = all.getColumn(0);
      const auto id = KeyId::FromBytes(
          {static_cast<const std::uint8_t*>(key.getBlob()), static_cast<std::size_t>(key.size())});
      if (!id.ok()) return DamagedMarks(name_);
      bool in_range = true;
      const auto number = [&](int column, std::uint64_t most) {
        const auto value = static_cast<std::uint64_t>(all.getColumn(column).getInt64());
        in_range = in_range && value <= most;
        return value;
      };
      constexpr std::uint64_t kMost32 = std::numeric_limits<std::uint32_t>::max();
      constexpr std::uint64_t kMost63 = std::numeric_limits<std::int64_t>::max();
      Mark mark;
      mark.version = static_cast<std::uint32_t>(number(1, kMost32));
      mark.revision = number(2, kMost63);
      mark.generation = number(3, kMost63);
      mark.allotted = mark.generation;
      mark.destroyed = number(4, 1) != 0;
      mark.slot = static_cast<std::uint32_t>(number(5, kMost32));
      mark.size = static_cast<std::uint32_t>(number(6, kMost32));
      const Bytes seal = sqlite::BlobOf(all.getColumn(7));
      MarksSeal::Mac mac{};
      if (!in_range || seal.size() != mac.size()) return DamagedMarks(name_);
      std::ranges::copy(seal, mac.begin());
      each(*id, mark, mac);
    }
    return Ok();
  });
}

Result<Bytes> Vault::Database::ReadSlot(std::uint32_t slot) {
  return sqlite::Guard(name_, [&]() -> Result<Bytes> {
    Use read(read_slot_);
    read->bind(1, slot);
    if (!read->executeStep()) return Bytes();
    return sqlite::BlobOf(read->getColumn(0));
  });
}

void Vault::Database::GiveUpSlot(Mark& mark) {
  if (mark.slot == 0) return;
  Use clear(clear_slot_);
  clear->bind(1, mark.slot);
  clear->exec();
  Use add(add_free_);
  add->bind(1, mark.slot);
  add->exec();
  mark.slot = 0;
  mark.size = 0;
}

void Vault::Database::TakeSlot(Mark& mark, BytesView record) {
  mark.size = static_cast<std::uint32_t>(record.size());
  {
    Use find(find_free_);
    find->bind(1, mark.size);
    if (find->executeStep()) mark.slot = find->getColumn(0).getUInt();
  }
  if (mark.slot == 0) {
    Use add(add_slot_);
    sqlite::BindBlob(*add, 1, record);
    add->exec();
    mark.slot = static_cast<std::uint32_t>(database_->getLastInsertRowid());
    return;
  }
  Use take(take_free_);
  take->bind(1, mark.slot);
  take->exec();
  Use fill(fill_slot_);
  sqlite::BindBlob(*fill, 1, record);
  fill->bind(2, mark.slot);
  fill->exec();
}

Status Vault::Database::Write(const KeyId& id, Mark& mark, const MarksSeal::Mac& seal,
                              BytesView record, bool synced) {
  Mark written = mark;
  TWINSEAL_RETURN_IF_ERROR(sqlite::Guard(name_, [&]() -> Status {
    Transaction transaction(*this, synced);
    if (written.slot != 0 && written.size == record.size()) {
      Use fill(fill_slot_);
      sqlite::BindBlob(*fill, 1, record);
      fill->bind(2, written.slot);
      // Somebody has taken the row out of the file: the record gets another.
      if (fill->exec() == 0) written.slot = 0;
    } else {
      GiveUpSlot(written);
    }
    if (written.slot == 0 && !record.empty()) TakeSlot(written, record);
    Use mark_row(write_mark_);
    sqlite::BindBlob(*mark_row, 1, id.bytes());
    mark_row->bind(2, written.version);
    mark_row->bind(3, Signed(written.revision));
    mark_row->bind(4, Signed(written.generation));
    mark_row->bind(5, written.destroyed ? 1 : 0);
    mark_row->bind(6, written.slot);
    mark_row->bind(7, written.size);
    sqlite::BindBlob(*mark_row, 8, seal);
    mark_row->exec();
    transaction.Commit();
    return Ok();
  }));
  mark = written;
  return Ok();
}

Status Vault::Database::EmptyLog() {
  return sqlite::Guard(name_, [&]() -> Status {
    SQLite::Statement checkpoint(*database_, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (!checkpoint.executeStep() || checkpoint.getColumn(0).getInt() != 0) {
      return Error(Code::kUnavailable,
                   fmt::format("{}: its log cannot be emptied while another program reads it; "
                               "end that program and try again",
                               name_));
    }
    return Ok();
  });
}

Status Vault::Database::Sync() {
  return sqlite::Guard(name_, [&]() -> Status {
    // A commit under FULL syncs the log with all that stands before it; it has to write something
    // for that.
    Transaction transaction(*this, true);
    database_->exec(fmt::format("PRAGMA user_version = {}", kSchemaVersion));
    transaction.Commit();
    return Ok();
  });
}

}  // namespace twinseal::core
