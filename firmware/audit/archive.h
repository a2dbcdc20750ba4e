// The audit log's file: what is written, in which transactions, and how it is found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/types.h"
#include "common/merkle/merkle.h"
#include "common/sqlite/database.h"
#include "firmware/audit/audit_log.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::audit {

// A checkpoint together with the subtrees that its tree goes on from.
struct SignedTree {
  v1::AuditCheckpoint checkpoint;
  merkle::Frontier tree;
};

// Writes. One thread at a time.
class ArchiveWriter {
 public:
  static Result<std::unique_ptr<ArchiveWriter>> Open(const std::filesystem::path& path,
                                                     const SiteName& site, std::uint32_t max_pages);

  // Numbers the records from the tree's size on, and writes them and the checkpoint, if there is
  // one, in one synced transaction. All or nothing: after an error the file and the tree are as
  // before.
  Status Write(std::span<v1::AuditRecord* const> records,
               const std::optional<SignedTree>& checkpoint);

  // Moves the write-ahead log into the file when it has grown; to be called when nobody waits for
  // an answer.
  void Tidy();

  const merkle::Frontier& tree() const { return tree_; }
  // Size of the newest checkpoint's tree; 0 when there is none.
  std::uint64_t checkpointed() const { return checkpointed_; }

 private:
  ArchiveWriter(std::unique_ptr<SQLite::Database> database, const SiteName& site);
  Status Resume();
  Result<merkle::Frontier> FrontierAt(const char* order, std::uint64_t bound);
  Status Replay(merkle::Frontier& tree, std::optional<std::uint64_t> until);
  void Insert(v1::AuditRecord& record, merkle::Frontier& tree);
  void InsertFrontier(const merkle::Frontier& tree);

  std::unique_ptr<SQLite::Database> database_;
  SQLite::Statement insert_record_;
  SQLite::Statement insert_frontier_;
  SQLite::Statement insert_checkpoint_;
  SiteName site_;
  merkle::Frontier tree_;
  std::uint64_t checkpointed_ = 0;
  int wal_pages_ = 0;  // Told by SQLite after each commit.
};

// Reads, beside the writer. One thread at a time.
class ArchiveReader {
 public:
  static Result<std::unique_ptr<ArchiveReader>> Open(const std::filesystem::path& path);

  Result<RecordPage> List(std::uint64_t first, std::size_t limit);
  Result<CheckpointPage> ListCheckpoints(std::uint64_t first_tree_size, std::size_t limit);

 private:
  explicit ArchiveReader(std::unique_ptr<SQLite::Database> database);

  std::unique_ptr<SQLite::Database> database_;
};

}  // namespace twinseal::audit
