// Opening SQLite files the way all of ours are: private to the process's user, WAL, checked, and
// with errors as values.
//
// SQLiteCpp throws; its exceptions end in Guard().
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::sqlite {

// All files have pages of this many bytes.
inline constexpr std::uint32_t kPageBytes = 4096;

enum class Sync : std::uint8_t {
  kNormal,  // A power cut may lose the newest commits; the file stays whole.
  kFull,    // A commit that returned is on the disk.
};

struct OpenOptions {
  std::string_view what;        // What messages call the file: "the ledger".
  std::int32_t application_id;  // A file with another one is somebody else's.
  std::int32_t schema_version;  // A file with another one is refused.
  std::string_view schema;      // The statements that make a new file's tables.
  Sync sync = Sync::kFull;
  bool secure_delete = false;  // Zeroes what is overwritten or deleted.
  bool check =
      false;  // Reads the whole file through and refuses a damaged one (PRAGMA quick_check).
  std::uint32_t max_pages = 0;  // For tests of a full disk. 0: no limit.
};

// Opens the file for reading and writing, or makes it, readable by its owner alone. One thread at a
// time may use the connection. Its automatic checkpoints are on. permission_denied, naming the
// file, when it is a symbolic link, is not the process's own or is open to others, or its folder is
// writable by others; data_loss when it is damaged or another kind of file; resource_exhausted,
// unavailable.
Result<std::unique_ptr<SQLite::Database>> Open(const std::filesystem::path& path,
                                               const OpenOptions& options);

// One more connection, for reading alone, to a file that Open() has opened.
Result<std::unique_ptr<SQLite::Database>> OpenReader(const std::filesystem::path& path,
                                                     std::string_view what);

// The files of a database: itself, its write-ahead log and that one's index. Checked as Open()
// does; one that is not there is fine.
Status CheckPrivate(const std::filesystem::path& path, std::string_view what);

// resource_exhausted for a full disk, data_loss for damage, unavailable for the rest; the origin is
// SQLite's name of the code.
Error ToError(const SQLite::Exception& exception, std::string_view what);

// Runs `function`, which returns a Result or a Status, and turns what SQLite throws into its error.
template <typename Function>
auto Guard(std::string_view what, Function&& function) -> decltype(function()) {
  try {
    return std::forward<Function>(function)();
  } catch (const SQLite::Exception& exception) {
    return ToError(exception, what);
  }
}

// A column's blob, copied.
Bytes BlobOf(const SQLite::Column& column);
// Binds without a copy: `bytes` must outlive the statement's step. An empty blob stays a blob and
// is not NULL.
void BindBlob(SQLite::Statement& statement, int index, BytesView bytes);

}  // namespace twinseal::sqlite
