#include "common/sqlite/database.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <SQLiteCpp/Column.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::sqlite {
namespace {

// Only our own connections contend, and each holds its locks for a commit at most; this is far
// beyond any of them.
constexpr int kBusyTimeoutMs = 10'000;
// "Database File Format" §1.3.
constexpr std::uintmax_t kHeaderBytes = 100;
// What the write-ahead log is cut to after it was larger, in bytes.
constexpr int kWalKeptBytes = 16 * 1024 * 1024;

Error Refused(const std::filesystem::path& path, std::string_view what, std::string_view why) {
  return Error(Code::kPermissionDenied,
               fmt::format("{} is not opened: {} {}", what, path.string(), why));
}

Status CheckFile(const std::filesystem::path& path, std::string_view what) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return Ok();
    return Error(Code::kUnavailable, fmt::format("{} is not opened: {}: {}", what, path.string(),
                                                 std::strerror(errno)));
  }
  if (S_ISLNK(info.st_mode)) return Refused(path, what, "is a symbolic link");
  if (!S_ISREG(info.st_mode)) return Refused(path, what, "is not a file");
  if (info.st_uid != geteuid()) {
    return Refused(
        path, what,
        fmt::format("belongs to the user with number {}, not to {}", info.st_uid, geteuid()));
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Refused(
        path, what,
        fmt::format("is open to others (mode {:04o}); set it to 0600", info.st_mode & 07777U));
  }
  return Ok();
}

Status CheckFolder(const std::filesystem::path& folder, std::string_view what) {
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) {
    return Error(Code::kUnavailable, fmt::format("{} is not opened: {}: {}", what, folder.string(),
                                                 std::strerror(errno)));
  }
  if (info.st_uid != geteuid()) {
    return Refused(
        folder, what,
        fmt::format("belongs to the user with number {}, not to {}", info.st_uid, geteuid()));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Refused(
        folder, what,
        fmt::format("is writable by others (mode {:04o}); set it to 0700", info.st_mode & 07777U));
  }
  return Ok();
}

// SQLite would make it with the umask's rights, and the log and index with the file's.
Status MakePrivate(const std::filesystem::path& path, std::string_view what) {
  const UniqueFd file(
      open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.valid() || errno == EEXIST) return Ok();
  const Code code =
      errno == ENOSPC || errno == EDQUOT ? Code::kResourceExhausted : Code::kUnavailable;
  return Error(code,
               fmt::format("{} is not opened: {}: {}", what, path.string(), std::strerror(errno)));
}

std::int64_t Pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(fmt::format("PRAGMA {}", name)).getInt64();
}

Status Prepare(SQLite::Database& database, const std::filesystem::path& path,
               const OpenOptions& options) {
  const auto damaged = [&](std::string_view why) {
    return Error(Code::kDataLoss,
                 fmt::format("{} is not opened: {} {}; put back a copy of it, or move it away",
                             options.what, path.string(), why));
  };
  // SQLite takes a file that is shorter than its header for an empty one.
  if (const auto size = std::filesystem::file_size(path); size != 0 && size < kHeaderBytes) {
    return damaged("is cut short");
  }
  const bool fresh = Pragma(database, "schema_version") == 0;
  if (fresh) database.exec(fmt::format("PRAGMA page_size = {}", kPageBytes));
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(options.sync == Sync::kFull ? "PRAGMA synchronous = FULL"
                                            : "PRAGMA synchronous = NORMAL");
  database.exec(options.secure_delete ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = OFF");
  database.exec("PRAGMA foreign_keys = ON");
  database.exec("PRAGMA trusted_schema = OFF");
  database.exec("PRAGMA cell_size_check = ON");
  database.exec("PRAGMA temp_store = MEMORY");
  database.exec(fmt::format("PRAGMA journal_size_limit = {}", kWalKeptBytes));
  if (options.max_pages != 0)
    database.exec(fmt::format("PRAGMA max_page_count = {}", options.max_pages));
  if (fresh) {
    SQLite::Transaction transaction(database);
    database.exec(fmt::format("PRAGMA application_id = {}", options.application_id));
    database.exec(fmt::format("PRAGMA user_version = {}", options.schema_version));
    database.exec(std::string(options.schema));
    transaction.commit();
    return Ok();
  }
  if (Pragma(database, "application_id") != options.application_id) {
    return damaged(fmt::format("holds something else than {}", options.what));
  }
  if (const std::int64_t version = Pragma(database, "user_version");
      version != options.schema_version) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} is not opened: {} has format {}, this program knows format {}",
                             options.what, path.string(), version, options.schema_version));
  }
  if (options.check) {
    const std::string verdict = database.execAndGet("PRAGMA quick_check(1)").getString();
    if (verdict != "ok") return damaged(fmt::format("is damaged ({})", verdict));
  }
  return Ok();
}

}  // namespace

Status CheckPrivate(const std::filesystem::path& path, std::string_view what) {
  TWINSEAL_RETURN_IF_ERROR(CheckFolder(path.has_parent_path() ? path.parent_path() : ".", what));
  for (const std::string_view suffix : {"", "-wal", "-shm"}) {
    std::filesystem::path file = path;
    file += suffix;
    TWINSEAL_RETURN_IF_ERROR(CheckFile(file, what));
  }
  return Ok();
}

Result<std::unique_ptr<SQLite::Database>> Open(const std::filesystem::path& path,
                                               const OpenOptions& options) {
  TWINSEAL_RETURN_IF_ERROR(CheckPrivate(path, options.what));
  TWINSEAL_RETURN_IF_ERROR(MakePrivate(path, options.what));
  auto opened = Guard(options.what, [&]() -> Result<std::unique_ptr<SQLite::Database>> {
    auto database = std::make_unique<SQLite::Database>(
        path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | SQLite::OPEN_NOFOLLOW,
        kBusyTimeoutMs);
    TWINSEAL_RETURN_IF_ERROR(Prepare(*database, path, options));
    return database;
  });
  if (!opened.ok() && opened.error().code() == Code::kDataLoss &&
      !opened.error().origin().empty()) {
    return Error(
        Code::kDataLoss,
        fmt::format("{} is not opened: {} is damaged; put back a copy of it, or move it away",
                    options.what, path.string()),
        opened.error().origin());
  }
  return opened;
}

Result<std::unique_ptr<SQLite::Database>> OpenReader(const std::filesystem::path& path,
                                                     std::string_view what) {
  return Guard(what, [&]() -> Result<std::unique_ptr<SQLite::Database>> {
    return std::make_unique<SQLite::Database>(
        path.string(), SQLite::OPEN_READONLY | SQLite::OPEN_NOMUTEX | SQLite::OPEN_NOFOLLOW,
        kBusyTimeoutMs);
  });
}

Error ToError(const SQLite::Exception& exception, std::string_view what) {
  const std::string origin = fmt::format("SQLite error {}", exception.getExtendedErrorCode());
  switch (exception.getErrorCode()) {
    case SQLITE_FULL:
      return Error(
          Code::kResourceExhausted,
          fmt::format("{} cannot be written: the disk is full; make room and try again", what),
          origin);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(Code::kDataLoss, fmt::format("{} is damaged: {}", what, exception.what()),
                   origin);
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
    case SQLITE_ERROR:
      return Error(Code::kInternal,
                   fmt::format("{} refused a statement: {}", what, exception.what()), origin);
    default:
      return Error(Code::kUnavailable, fmt::format("{} cannot be used: {}", what, exception.what()),
                   origin);
  }
}

Bytes BlobOf(const SQLite::Column& column) {
  const auto* data = static_cast<const std::uint8_t*>(column.getBlob());
  const int size = column.getBytes();
  if (data == nullptr || size <= 0) return {};
  return Bytes(data, data + size);
}

void BindBlob(SQLite::Statement& statement, int index, BytesView bytes) {
  // A null pointer would bind NULL.
  static constexpr std::uint8_t kNothing = 0;
  statement.bindNoCopy(index, bytes.empty() ? &kNothing : bytes.data(),
                       static_cast<int>(bytes.size()));
}

}  // namespace twinseal::sqlite
