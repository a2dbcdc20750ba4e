// The vault's SQLite file: slots, marks, and how they are written.
//
// Records sit in slots: rows that are never removed and never change their size, only overwritten.
// SQLite then never moves them between pages, and so leaves no stale copies of them in the gaps of
// pages, which secure_delete alone does not prevent. A record of another size gets another slot;
// the slot it had is filled with zeros and waits for a record of its size.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "firmware/core/vault/vault.h"

namespace twinseal::core {

// One thread at a time.
class Vault::Database {
 public:
  static Result<std::unique_ptr<Database>> Open(const std::filesystem::path& path,
                                                const Options& options);

  // Calls `each` for every key that has marks.
  using Each = std::function<void(const KeyId&, const Mark&, const MarksSeal::Mac& seal)>;
  Status ReadMarks(const Each& each);

  Result<Bytes> ReadSlot(std::uint32_t slot);

  // One transaction: fills the mark's slot with `record`, or another where its size is not the
  // slot's (`mark` then names that one), and writes the mark with its seal. Without a record, the
  // slot is given up. `synced` says whether it is on disk when this returns.
  Status Write(const KeyId& id, Mark& mark, const MarksSeal::Mac& seal, BytesView record,
               bool synced);

  // Moves the whole log into the file, syncs, and cuts the log to nothing.
  Status EmptyLog();
  Status Sync();

 private:
  class Transaction;

  Database(std::string name, std::unique_ptr<SQLite::Database> database);

  void GiveUpSlot(Mark& mark);
  void TakeSlot(Mark& mark, BytesView record);

  const std::string name_;  // "the vault (/var/lib/.../vault.db)"
  const std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement begin_;
  SQLite::Statement commit_;
  SQLite::Statement read_slot_;
  SQLite::Statement fill_slot_;
  SQLite::Statement clear_slot_;
  SQLite::Statement add_slot_;
  SQLite::Statement find_free_;
  SQLite::Statement take_free_;
  SQLite::Statement add_free_;
  SQLite::Statement write_mark_;
};

}  // namespace twinseal::core
