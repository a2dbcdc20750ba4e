#include "firmware/audit/archive.h"

#include <algorithm>
#include <utility>

#include <SQLiteCpp/Column.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "common/audit/checkpoint.h"

namespace twinseal::audit {
namespace {

constexpr std::string_view kWhat = "the audit log";
constexpr std::int32_t kApplicationId = 0x54534155;  // "TSAU"
constexpr std::int32_t kFormat = 1;

// The triggers keep our own mistakes from changing what was written; against others there are the
// checkpoints.
constexpr std::string_view kSchema = R"sql(
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE records (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL, leaf_hash BLOB NOT NULL) STRICT;
CREATE TABLE checkpoints (
  number INTEGER PRIMARY KEY, tree_size INTEGER NOT NULL UNIQUE, checkpoint BLOB NOT NULL) STRICT;
CREATE TABLE frontiers (tree_size INTEGER PRIMARY KEY, nodes BLOB NOT NULL) STRICT;
CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER records_keep BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER checkpoints_keep BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'append-only'); END;
)sql";

// The tree's subtrees are written down after so many records, so that opening replays no more than
// that.
constexpr std::uint64_t kFrontierEvery = 1000;
// 2 MiB of write-ahead log. Behind its end each commit also syncs the file's new size, which takes
// three times as long; so it begins anew soon, over what is there.
constexpr int kTidyPages = 512;
// What one page of a listing holds at most, in bytes; a page has one record at least.
constexpr std::size_t kPageBytes = std::size_t{1024} * 1024;

std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t Unsigned(std::int64_t number) { return static_cast<std::uint64_t>(number); }

Error Tampered(std::string_view what) {
  return Error(Code::kDataLoss, fmt::format("the audit log was changed by other hands: {}; keep "
                                            "the file as evidence, and move it away "
                                            "to begin a new log",
                                            what));
}

Bytes Flatten(const std::vector<merkle::Hash>& nodes) {
  Bytes flat;
  flat.reserve(nodes.size() * merkle::kHashSize);
  for (const merkle::Hash& node : nodes) flat.insert(flat.end(), node.begin(), node.end());
  return flat;
}

Result<merkle::Frontier> Unflatten(std::uint64_t size, const Bytes& flat) {
  if (flat.size() % merkle::kHashSize != 0) return Tampered("a stored tree is no list of hashes");
  std::vector<merkle::Hash> nodes(flat.size() / merkle::kHashSize);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    std::copy_n(flat.begin() + static_cast<std::ptrdiff_t>(i * merkle::kHashSize),
                merkle::kHashSize, nodes[i].begin());
  }
  return merkle::Frontier::From(size, std::move(nodes));
}

v1::AuditCheckpoint ParseCheckpoint(const Bytes& bytes) {
  v1::AuditCheckpoint checkpoint;
  // One that does not parse is told as it is, empty: whoever verifies finds it forged.
  if (!checkpoint.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) checkpoint.Clear();
  return checkpoint;
}

}  // namespace

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Open(const std::filesystem::path& path,
                                                           const SiteName& site,
                                                           std::uint32_t max_pages) {
  TWINSEAL_ASSIGN_OR_RETURN(auto database, sqlite::Open(path, {.what = kWhat,
                                                               .application_id = kApplicationId,
                                                               .schema_version = kFormat,
                                                               .schema = kSchema,
                                                               .sync = sqlite::Sync::kFull,
                                                               .max_pages = max_pages}));
  return sqlite::Guard(kWhat, [&]() -> Result<std::unique_ptr<ArchiveWriter>> {
    std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(database), site));
    TWINSEAL_RETURN_IF_ERROR(writer->Resume());
    return writer;
  });
}

ArchiveWriter::ArchiveWriter(std::unique_ptr<SQLite::Database> database, const SiteName& site)
    : database_(std::move(database)),
      insert_record_(*database_,
                     "INSERT INTO records (sequence, record, leaf_hash) VALUES (?, ?, ?)"),
      insert_frontier_(*database_,
                       "INSERT OR IGNORE INTO frontiers (tree_size, nodes) VALUES (?, ?)"),
      insert_checkpoint_(*database_,
                         "INSERT INTO checkpoints (tree_size, checkpoint) VALUES (?, ?)"),
      site_(site) {
  // In place of SQLite's own hook, which would move the log into the file within a commit, while
  // somebody waits.
  sqlite3_wal_hook(
      database_->getHandle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &wal_pages_);
}

Status ArchiveWriter::Resume() {
  SQLite::Statement site(*database_, "SELECT value FROM about WHERE name = 'site'");
  if (site.executeStep()) {
    if (site.getColumn(0).getString() != site_.text()) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the audit log is site {}'s, not site {}'s",
                               site.getColumn(0).getString(), site_.text()));
    }
  } else {
    SQLite::Statement insert(*database_, "INSERT INTO about (name, value) VALUES ('site', ?)");
    insert.bind(1, site_.text());
    insert.exec();
  }

  SQLite::Statement newest(
      *database_, "SELECT tree_size, checkpoint FROM checkpoints ORDER BY tree_size DESC LIMIT 1");
  if (newest.executeStep()) {
    checkpointed_ = Unsigned(newest.getColumn(0).getInt64());
    const v1::AuditCheckpoint checkpoint = ParseCheckpoint(sqlite::BlobOf(newest.getColumn(1)));
    TWINSEAL_ASSIGN_OR_RETURN(merkle::Frontier tree,
                              FrontierAt("SELECT tree_size, nodes FROM frontiers WHERE tree_size < "
                                         "? ORDER BY tree_size DESC LIMIT 1",
                                         checkpointed_));
    TWINSEAL_RETURN_IF_ERROR(Replay(tree, checkpointed_));
    if (checkpoint.tree_size() != checkpointed_ ||
        checkpoint.root_hash() != ToString(tree.Root())) {
      return Tampered(fmt::format(
          "its records do not lead to the root that the checkpoint of {} records signed",
          checkpointed_));
    }
  }
  TWINSEAL_ASSIGN_OR_RETURN(tree_, FrontierAt("SELECT tree_size, nodes FROM frontiers WHERE "
                                              "tree_size >= ? ORDER BY tree_size DESC LIMIT 1",
                                              checkpointed_));
  return Replay(tree_, std::nullopt);
}

// The tree that the statement finds, or the empty one.
Result<merkle::Frontier> ArchiveWriter::FrontierAt(const char* statement, std::uint64_t bound) {
  SQLite::Statement query(*database_, statement);
  query.bind(1, Signed(bound));
  if (!query.executeStep()) return merkle::Frontier();
  return Unflatten(Unsigned(query.getColumn(0).getInt64()), sqlite::BlobOf(query.getColumn(1)));
}

// Adds the stored records from the tree's size on, up to `until` or all that there are.
Status ArchiveWriter::Replay(merkle::Frontier& tree, std::optional<std::uint64_t> until) {
  SQLite::Statement query(
      *database_,
      "SELECT sequence, record, leaf_hash FROM records WHERE sequence >= ? ORDER BY sequence");
  query.bind(1, Signed(tree.size()));
  while ((!until || tree.size() < *until) && query.executeStep()) {
    const std::uint64_t sequence = Unsigned(query.getColumn(0).getInt64());
    if (sequence != tree.size())
      return Tampered(fmt::format("record {} is not there", tree.size()));
    const merkle::Hash leaf = merkle::HashLeaf(sqlite::BlobOf(query.getColumn(1)));
    if (ToString(leaf) != ToString(sqlite::BlobOf(query.getColumn(2)))) {
      return Tampered(fmt::format("record {} is not what it was when it was written", sequence));
    }
    tree.Append(leaf);
  }
  if (until && tree.size() < *until) {
    return Tampered(
        fmt::format("it ends after {} records, though a checkpoint was signed when it had {}",
                    tree.size(), *until));
  }
  return Ok();
}

Status ArchiveWriter::Write(std::span<v1::AuditRecord* const> records,
                            const std::optional<SignedTree>& checkpoint) {
  merkle::Frontier tree = tree_;
  Status written = sqlite::Guard(kWhat, [&]() -> Status {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    for (v1::AuditRecord* record : records) Insert(*record, tree);
    if (checkpoint) {
      const std::string bytes = checkpoint->checkpoint.SerializeAsString();
      sqlite::BindBlob(insert_checkpoint_, 2, AsBytes(bytes));
      insert_checkpoint_.bind(1, Signed(checkpoint->tree.size()));
      insert_checkpoint_.exec();
      insert_checkpoint_.reset();
      InsertFrontier(checkpoint->tree);
    }
    transaction.commit();
    return Ok();
  });
  if (!written.ok()) {
    // A statement that failed half-way would keep the transaction's rollback from being complete.
    insert_record_.tryReset();
    insert_frontier_.tryReset();
    insert_checkpoint_.tryReset();
    return written;
  }
  tree_ = std::move(tree);
  if (checkpoint) checkpointed_ = checkpoint->tree.size();
  return Ok();
}

void ArchiveWriter::Insert(v1::AuditRecord& record, merkle::Frontier& tree) {
  record.set_sequence(tree.size());
  record.set_site(site_.text());
  const std::string bytes = record.SerializeAsString();
  const merkle::Hash leaf = merkle::HashLeaf(AsBytes(bytes));
  insert_record_.bind(1, Signed(record.sequence()));
  sqlite::BindBlob(insert_record_, 2, AsBytes(bytes));
  sqlite::BindBlob(insert_record_, 3, leaf);
  insert_record_.exec();
  insert_record_.reset();
  tree.Append(leaf);
  if (tree.size() % kFrontierEvery == 0) InsertFrontier(tree);
}

void ArchiveWriter::InsertFrontier(const merkle::Frontier& tree) {
  const Bytes nodes = Flatten(tree.nodes());
  insert_frontier_.bind(1, Signed(tree.size()));
  sqlite::BindBlob(insert_frontier_, 2, nodes);
  insert_frontier_.exec();
  insert_frontier_.reset();
}

void ArchiveWriter::Tidy() {
  if (wal_pages_ < kTidyPages) return;
  // What it cannot do now, since a reader or the disk is in the way, it does next time.
  if (sqlite3_wal_checkpoint_v2(database_->getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                nullptr) == SQLITE_OK) {
    wal_pages_ = 0;
  }
}

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::Open(const std::filesystem::path& path) {
  TWINSEAL_ASSIGN_OR_RETURN(auto database, sqlite::OpenReader(path, kWhat));
  return std::unique_ptr<ArchiveReader>(new ArchiveReader(std::move(database)));
}

ArchiveReader::ArchiveReader(std::unique_ptr<SQLite::Database> database)
    : database_(std::move(database)) {}

Result<RecordPage> ArchiveReader::List(std::uint64_t first, std::size_t limit) {
  return sqlite::Guard(kWhat, [&]() -> Result<RecordPage> {
    // Both statements see the same state.
    SQLite::Transaction transaction(*database_);
    RecordPage page;
    SQLite::Statement newest(*database_, "SELECT max(sequence) FROM records");
    if (newest.executeStep() && !newest.getColumn(0).isNull()) {
      page.tree_size = Unsigned(newest.getColumn(0).getInt64()) + 1;
    }
    // Beyond what SQLite can count there is nothing.
    if (first >= page.tree_size) return page;
    SQLite::Statement query(*database_,
                            "SELECT sequence, record, leaf_hash FROM records WHERE sequence >= ? "
                            "ORDER BY sequence LIMIT ?");
    query.bind(1, Signed(first));
    query.bind(2, static_cast<std::int64_t>(limit));
    std::size_t bytes = 0;
    while (bytes < kPageBytes && query.executeStep()) {
      v1::StoredAuditRecord& record = page.records.emplace_back();
      record.set_sequence(Unsigned(query.getColumn(0).getInt64()));
      record.set_record(ToString(sqlite::BlobOf(query.getColumn(1))));
      record.set_leaf_hash(ToString(sqlite::BlobOf(query.getColumn(2))));
      bytes += record.record().size();
    }
    return page;
  });
}

Result<CheckpointPage> ArchiveReader::ListCheckpoints(std::uint64_t first_tree_size,
                                                      std::size_t limit) {
  return sqlite::Guard(kWhat, [&]() -> Result<CheckpointPage> {
    CheckpointPage page;
    constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
    SQLite::Statement query(*database_,
                            "SELECT checkpoint FROM checkpoints WHERE tree_size >= ? ORDER BY "
                            "tree_size, number LIMIT ?");
    query.bind(1, Signed(std::min(first_tree_size, kMost)));
    query.bind(2, static_cast<std::int64_t>(limit) + 1);
    while (query.executeStep()) {
      if (page.checkpoints.size() == limit) {
        page.more = true;
        break;
      }
      page.checkpoints.push_back(ParseCheckpoint(sqlite::BlobOf(query.getColumn(0))));
    }
    return page;
  });
}

}  // namespace twinseal::audit
