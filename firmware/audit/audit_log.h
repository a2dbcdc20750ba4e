// One site's append-only audit archive: records, their Merkle tree, and signed checkpoints, in one
// SQLite file.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/merkle/merkle.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::audit {

struct CheckpointSignature {
  std::string key_id;  // Of the audit key, 32 hexadecimal digits.
  std::uint32_t key_version = 0;
  Bytes signature;  // ECDSA with SHA-256, DER.
};

// Signs a checkpoint's text (common/audit/checkpoint.h) with the site's audit key. Called on a
// thread of the log's own that holds no lock; may block. When it fails, nothing is lost: the next
// checkpoint covers what this one would have.
using CheckpointSigner = std::function<Result<CheckpointSignature>(std::string_view text)>;

struct AuditLogOptions {
  // Records that wait for the disk. About 1 KiB each; beyond it an append answers
  // resource_exhausted.
  std::size_t queue_limit = 4096;
  // A checkpoint is made when so many records are not covered by one, or when one is not covered
  // for so long.
  std::uint64_t checkpoint_records = 1000;
  std::chrono::milliseconds checkpoint_interval = std::chrono::seconds(10);
  // After the disk has refused a write: how long until the log tries by itself, with a record of
  // its own.
  std::chrono::milliseconds retry_refused = std::chrono::seconds(1);
  // What time a record gets: microseconds since 1970. Nothing: the system's clock.
  std::function<std::int64_t()> clock = {};
  // For tests of a full disk: the file's largest size in pages of 4 KiB. 0: no limit.
  std::uint32_t max_pages = 0;
};

// Counted since the log was opened. Any thread may read.
struct AuditCounters {
  std::uint64_t appended = 0;              // Records made durable.
  std::uint64_t batches = 0;               // Transactions, each with one sync.
  std::uint64_t overflowed = 0;            // Appends refused since the queue was full.
  std::uint64_t failed = 0;                // Appends that the disk refused.
  std::uint64_t checkpoints = 0;           // Checkpoints signed and stored.
  std::uint64_t failed_checkpoints = 0;    // Attempts that the signer or the disk refused.
  std::uint64_t queue_depth = 0;           // Records waiting now.
  std::uint64_t tree_size = 0;             // Records in all.
  std::uint64_t last_checkpoint_size = 0;  // How many of them a checkpoint covers.
};

struct RecordPage {
  std::vector<v1::StoredAuditRecord> records;
  std::uint64_t tree_size = 0;
};

struct CheckpointPage {
  std::vector<v1::AuditCheckpoint> checkpoints;
  bool more = false;
};

// Thread-safe.
class AuditLog {
 public:
  static constexpr std::size_t kDefaultPageSize = 100;
  static constexpr std::size_t kMaxPageSize = 1000;
  // A serialized record's largest size: room for the 1,024 digests of a batch, or one Ed25519
  // message.
  static constexpr std::size_t kMaxRecordBytes = std::size_t{160} * 1024;

  using Done = std::function<void(Status)>;

  // Opens or makes the file. It is checked: that it is ours alone, that it is whole, and that its
  // newest records lead to the root of the newest checkpoint (data_loss when not). Takes
  // milliseconds with a million records.
  static Result<std::unique_ptr<AuditLog>> Open(const std::filesystem::path& path,
                                                const SiteName& site, AuditLogOptions options = {});

  // As Stop().
  virtual ~AuditLog() = default;

  // Gives the record its sequence, time and site, and makes it durable; then calls `done`, once, on
  // the log's thread (or on the caller's, when the record is refused at once). `done` must be quick
  // and must not call Stop(). Errors: resource_exhausted when the queue or the disk is full,
  // unavailable for other faults of the disk or after Stop(); then the operation was not recorded
  // and must not be answered as done. Records become durable in the order of the calls; those that
  // wait together share a sync.
  virtual void Append(v1::AuditRecord record, Done done) = 0;
  // The same, blocking.
  Status AppendAndWait(v1::AuditRecord record);

  // From now on checkpoints are made. Call at most once. Without it the log works, unsigned.
  virtual void StartCheckpoints(CheckpointSigner signer) = 0;
  // Signs the tree as it is now, unless its newest record is covered already. Blocks.
  // failed_precondition before StartCheckpoints.
  virtual Status MakeCheckpoint() = 0;

  // Makes durable what was accepted, makes a last checkpoint when there is something new, and joins
  // the threads. The readers below go on working. Call the signer's owner's stop after this one's.
  virtual void Stop() = 0;

  // Durable records from `first` on, at most `page_size` (0: kDefaultPageSize; more than
  // kMaxPageSize is invalid_argument). A page also ends when it reaches 1 MiB, but holds at least
  // one record. The next page begins behind the last record's sequence.
  virtual Result<RecordPage> List(std::uint64_t first, std::size_t page_size) = 0;
  // Checkpoints of trees of at least `first_tree_size` records, the smallest first. Limits as
  // above.
  virtual Result<CheckpointPage> ListCheckpoints(std::uint64_t first_tree_size,
                                                 std::size_t page_size) = 0;

  virtual AuditCounters Counters() const = 0;
  // Why nothing can be recorded now: what the disk refused last, or that it is full. Ok again as
  // soon as a write succeeds.
  virtual Status Writable() const = 0;
};

}  // namespace twinseal::audit
