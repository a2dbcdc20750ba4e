#include "firmware/audit/audit_log.h"

#include <algorithm>
#include <deque>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "common/audit/checkpoint.h"
#include "common/base/mutex.h"
#include "firmware/audit/archive.h"
#include "firmware/audit/utf8.h"

namespace twinseal::audit {
namespace {

using SteadyClock = std::chrono::steady_clock;

// One transaction's records at most: the last one's caller waits for all of them.
constexpr std::size_t kBatchRecords = 1024;
// Records that wait for the disk, in bytes.
constexpr std::size_t kQueueBytes = std::size_t{64} * 1024 * 1024;
// With less left the next writes may fail.
constexpr std::uint64_t kLeastRoom = std::uint64_t{1} << 20U;

std::int64_t SystemMicroseconds() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::size_t> PageSize(std::size_t asked) {
  if (asked == 0) return AuditLog::kDefaultPageSize;
  if (asked > AuditLog::kMaxPageSize) {
    return Error(Code::kInvalidArgument,
                 fmt::format("page_size: it is at most {}, not {}", AuditLog::kMaxPageSize, asked));
  }
  return asked;
}

// What callers put into texts may have been cut in the middle of a character.
void MakeTextsUtf8(v1::AuditRecord& record) {
  for (std::string* text :
       {record.mutable_request_id(), record.mutable_caller_role(), record.mutable_caller_name(),
        record.mutable_operation(), record.mutable_key_id(), record.mutable_key_name(),
        record.mutable_scheme(), record.mutable_outcome(), record.mutable_detail()}) {
    MakeUtf8(*text);
  }
}

struct Waiting {
  v1::AuditRecord record;
  std::size_t bytes = 0;
  AuditLog::Done done;
};

struct WaitingCheckpoint {
  SignedTree tree;
  AuditLog::Done done;
};

// Two threads: the writer alone touches the archive; the signer makes checkpoints and hands them to
// the writer.
class Log final : public AuditLog {
 public:
  Log(std::filesystem::path path, std::unique_ptr<ArchiveWriter> writer,
      std::unique_ptr<ArchiveReader> reader, SiteName site, AuditLogOptions options)
      : path_(std::move(path)),
        site_(std::move(site)),
        options_(std::move(options)),
        archive_(std::move(writer)),
        reader_(std::move(reader)),
        tree_(archive_->tree()),
        checkpointed_(archive_->checkpointed()) {
    if (!options_.clock) options_.clock = SystemMicroseconds;
    uncovered_since_ = SteadyClock::now();
    writer_thread_ = std::thread([this] { WriterLoop(); });
  }

  ~Log() override { Stop(); }

  void Append(v1::AuditRecord record, Done done) override;
  void StartCheckpoints(CheckpointSigner signer) override;
  Status MakeCheckpoint() override;
  void Stop() override;
  Result<RecordPage> List(std::uint64_t first, std::size_t page_size) override;
  Result<CheckpointPage> ListCheckpoints(std::uint64_t first_tree_size,
                                         std::size_t page_size) override;
  AuditCounters Counters() const override;
  Status Writable() const override;

 private:
  struct Batch {
    std::vector<Waiting> records;
    std::optional<WaitingCheckpoint> checkpoint;
    bool own = false;  // Nobody asked for it: it tries whether the disk takes records again.
  };
  struct Refusal {
    Error why;
    std::uint64_t refused = 0;  // Records since the last one that was written.
    SteadyClock::time_point retry_at;
  };

  Status Enqueue(v1::AuditRecord& record, Done& done);
  void WriterLoop();
  bool Take(Batch& batch);
  void WriteBatch(Batch& batch);
  Waiting Resumption() const TWINSEAL_REQUIRES(mutex_);
  void NoteRefusal(const Error& why, const Batch& batch) TWINSEAL_REQUIRES(mutex_);
  void SignerLoop();
  bool WaitUntilDue();
  Status StoreCheckpoint(SignedTree tree);

  const std::filesystem::path path_;
  const SiteName site_;
  AuditLogOptions options_;
  std::unique_ptr<ArchiveWriter> archive_;  // The writer thread's.

  Mutex reader_mutex_;
  std::unique_ptr<ArchiveReader> reader_ TWINSEAL_GUARDED_BY(reader_mutex_);

  mutable Mutex mutex_;
  Condition writer_wakes_;
  Condition signer_wakes_;
  Condition drained_;
  std::deque<Waiting> queue_ TWINSEAL_GUARDED_BY(mutex_);
  std::size_t queued_bytes_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::optional<WaitingCheckpoint> checkpoint_ TWINSEAL_GUARDED_BY(mutex_);
  bool writing_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool accepting_ TWINSEAL_GUARDED_BY(mutex_) = true;
  bool signing_ TWINSEAL_GUARDED_BY(mutex_) =
      false;  // StartCheckpoints was called and Stop was not.
  bool finished_ TWINSEAL_GUARDED_BY(mutex_) = false;
  // What is durable, for the signer and the counters.
  merkle::Frontier tree_ TWINSEAL_GUARDED_BY(mutex_);
  std::uint64_t checkpointed_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  SteadyClock::time_point uncovered_since_ TWINSEAL_GUARDED_BY(mutex_);
  SteadyClock::time_point no_attempt_before_ TWINSEAL_GUARDED_BY(mutex_);
  AuditCounters counters_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<Refusal> refusal_ TWINSEAL_GUARDED_BY(mutex_);  // Until a write succeeds.

  Mutex sign_mutex_;  // One checkpoint at a time; taken before mutex_.
  CheckpointSigner signer_ TWINSEAL_GUARDED_BY(sign_mutex_);

  Mutex stop_mutex_;  // Taken before all others.
  bool stopped_ TWINSEAL_GUARDED_BY(stop_mutex_) = false;
  std::thread signer_thread_ TWINSEAL_GUARDED_BY(stop_mutex_);
  std::thread writer_thread_;
};

void Log::Append(v1::AuditRecord record, Done done) {
  const Status accepted = Enqueue(record, done);
  if (!accepted.ok()) done(accepted);
}

// Takes the record and the callback, unless it refuses.
Status Log::Enqueue(v1::AuditRecord& record, Done& done) {
  MakeTextsUtf8(record);
  const std::size_t bytes = record.ByteSizeLong();
  if (bytes > kMaxRecordBytes) {
    return Error(Code::kInvalidArgument, fmt::format("an audit record has at most {} bytes, not {}",
                                                     kMaxRecordBytes, bytes));
  }
  const MutexLock lock(mutex_);
  if (!accepting_) {
    return Error(Code::kUnavailable,
                 "the operation cannot be recorded: the appliance is stopping; try again later");
  }
  if (queue_.size() >= options_.queue_limit || queued_bytes_ + bytes > kQueueBytes) {
    ++counters_.overflowed;
    return Error(Code::kResourceExhausted,
                 "the operation cannot be recorded: too many wait for the audit log's disk; try "
                 "again later");
  }
  // Under the lock, so that the order of times is that of the records as long as the clock keeps
  // its own.
  record.set_time_unix_us(options_.clock());
  queued_bytes_ += bytes;
  queue_.push_back({std::move(record), bytes, std::move(done)});
  if (!writing_) writer_wakes_.NotifyOne();
  return Ok();
}

void Log::WriterLoop() {
  Batch batch;
  while (Take(batch)) {
    WriteBatch(batch);
    archive_->Tidy();
  }
}

// Waits for something to write. False when the log has stopped and everything is written.
bool Log::Take(Batch& batch) {
  batch.records.clear();
  batch.checkpoint.reset();
  batch.own = false;
  const MutexLock lock(mutex_);
  writing_ = false;
  if (queue_.empty() && !checkpoint_) drained_.NotifyAll();
  while (queue_.empty() && !checkpoint_) {
    if (finished_) return false;
    if (!refusal_ || !accepting_) {
      writer_wakes_.Wait(mutex_);
    } else if (SteadyClock::now() < refusal_->retry_at) {
      writer_wakes_.WaitUntil(mutex_, refusal_->retry_at);
    } else {
      batch.own = true;
      batch.records.push_back(Resumption());
      break;
    }
  }
  writing_ = true;
  while (!queue_.empty() && batch.records.size() < kBatchRecords) {
    queued_bytes_ -= queue_.front().bytes;
    batch.records.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  batch.checkpoint = std::exchange(checkpoint_, std::nullopt);
  return true;
}

// When it is written, it says what became of the operations before it.
Waiting Log::Resumption() const {
  Waiting waiting{{}, 0, [](const Status&) {}};
  v1::AuditRecord& record = waiting.record;
  record.set_operation("appliance/ResumeAudit");
  record.set_caller_role("appliance");
  record.set_caller_name(site_.text());
  record.set_outcome("ok");
  record.set_detail(
      fmt::format("records can be written again; {} operations that could not be "
                  "recorded were refused: {}",
                  refusal_->refused, refusal_->why.message()));
  record.set_time_unix_us(options_.clock());
  MakeTextsUtf8(record);
  return waiting;
}

void Log::NoteRefusal(const Error& why, const Batch& batch) {
  if (!refusal_) refusal_ = Refusal{why, 0, {}};
  refusal_->why = why;
  refusal_->retry_at = SteadyClock::now() + options_.retry_refused;
  if (batch.own) return;
  refusal_->refused += batch.records.size();
  counters_.failed += batch.records.size();
}

void Log::WriteBatch(Batch& batch) {
  std::vector<v1::AuditRecord*> records;
  records.reserve(batch.records.size());
  for (Waiting& waiting : batch.records) records.push_back(&waiting.record);
  std::optional<SignedTree> checkpoint;
  if (batch.checkpoint) checkpoint = batch.checkpoint->tree;

  const Status written = archive_->Write(records, checkpoint);
  {
    const MutexLock lock(mutex_);
    if (written.ok()) {
      const std::uint64_t uncovered_before = tree_.size() - checkpointed_;
      tree_ = archive_->tree();
      checkpointed_ = archive_->checkpointed();
      const std::uint64_t uncovered = tree_.size() - checkpointed_;
      ++counters_.batches;
      counters_.appended += records.size();
      if (checkpoint) ++counters_.checkpoints;
      if (uncovered_before == 0 || checkpoint) uncovered_since_ = SteadyClock::now();
      const bool fell_due = uncovered >= options_.checkpoint_records &&
                            uncovered_before < options_.checkpoint_records;
      if (uncovered_before == 0 || fell_due) signer_wakes_.NotifyOne();
      refusal_.reset();
    } else {
      NoteRefusal(written.error(), batch);
    }
  }
  for (Waiting& waiting : batch.records) waiting.done(written);
  if (batch.checkpoint) batch.checkpoint->done(written);
}

void Log::StartCheckpoints(CheckpointSigner signer) {
  const MutexLock stop_lock(stop_mutex_);
  if (stopped_ || signer_thread_.joinable()) return;
  {
    const MutexLock sign_lock(sign_mutex_);
    signer_ = std::move(signer);
  }
  {
    const MutexLock lock(mutex_);
    signing_ = true;
  }
  signer_thread_ = std::thread([this] { SignerLoop(); });
}

void Log::SignerLoop() {
  while (WaitUntilDue()) {
    if (MakeCheckpoint().ok()) continue;
    const MutexLock lock(mutex_);
    no_attempt_before_ = SteadyClock::now() + options_.checkpoint_interval;
  }
}

// False when checkpoints have come to an end.
bool Log::WaitUntilDue() {
  const MutexLock lock(mutex_);
  while (signing_) {
    const std::uint64_t uncovered = tree_.size() - checkpointed_;
    if (uncovered == 0) {
      signer_wakes_.Wait(mutex_);
      continue;
    }
    SteadyClock::time_point due = uncovered >= options_.checkpoint_records
                                      ? SteadyClock::time_point::min()
                                      : uncovered_since_ + options_.checkpoint_interval;
    due = std::max(due, no_attempt_before_);
    if (due <= SteadyClock::now()) return true;
    signer_wakes_.WaitUntil(mutex_, due);
  }
  return false;
}

Status Log::MakeCheckpoint() {
  const MutexLock sign_lock(sign_mutex_);
  if (!signer_) {
    return Error(Code::kFailedPrecondition,
                 "no audit checkpoint can be made: the log has no signer yet");
  }
  merkle::Frontier tree;
  {
    const MutexLock lock(mutex_);
    if (tree_.size() == checkpointed_) return Ok();
    tree = tree_;
  }
  const TreeHead head{site_.text(), tree.size(), tree.Root(), options_.clock()};
  const Result<CheckpointSignature> signature = signer_(CheckpointText(head));
  Status stored =
      signature.ok() ? Ok() : Status(signature.error().Within("signing an audit checkpoint"));
  if (signature.ok()) {
    SignedTree signed_tree{.checkpoint = {}, .tree = std::move(tree)};
    signed_tree.checkpoint.set_site(head.site);
    signed_tree.checkpoint.set_tree_size(head.size);
    signed_tree.checkpoint.set_root_hash(ToString(head.root));
    signed_tree.checkpoint.set_time_unix_us(head.time_unix_us);
    signed_tree.checkpoint.set_key_id(signature->key_id);
    signed_tree.checkpoint.set_key_version(signature->key_version);
    signed_tree.checkpoint.set_signature(ToString(signature->signature));
    stored = StoreCheckpoint(std::move(signed_tree));
  }
  if (!stored.ok()) {
    const MutexLock lock(mutex_);
    ++counters_.failed_checkpoints;
  }
  return stored;
}

Status Log::StoreCheckpoint(SignedTree tree) {
  // Shared, since the writer may still be within set_value when the value is seen here.
  const auto stored = std::make_shared<std::promise<Status>>();
  {
    const MutexLock lock(mutex_);
    if (finished_) return Error(Code::kUnavailable, "the audit log has stopped");
    checkpoint_ = WaitingCheckpoint{
        std::move(tree), [stored](Status status) { stored->set_value(std::move(status)); }};
    writer_wakes_.NotifyOne();
  }
  return stored->get_future().get();
}

void Log::Stop() {
  const MutexLock stop_lock(stop_mutex_);
  if (std::exchange(stopped_, true)) return;
  {
    const MutexLock lock(mutex_);
    accepting_ = false;
    signing_ = false;
    signer_wakes_.NotifyAll();
    while (writing_ || !queue_.empty()) drained_.Wait(mutex_);
  }
  if (signer_thread_.joinable()) {
    signer_thread_.join();
    // Failing is counted; the next start's first checkpoint covers the same records.
    (void)MakeCheckpoint();
  }
  {
    const MutexLock lock(mutex_);
    finished_ = true;
    writer_wakes_.NotifyAll();
  }
  writer_thread_.join();
}

Result<RecordPage> Log::List(std::uint64_t first, std::size_t page_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::size_t limit, PageSize(page_size));
  const MutexLock lock(reader_mutex_);
  return reader_->List(first, limit);
}

Result<CheckpointPage> Log::ListCheckpoints(std::uint64_t first_tree_size, std::size_t page_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::size_t limit, PageSize(page_size));
  const MutexLock lock(reader_mutex_);
  return reader_->ListCheckpoints(first_tree_size, limit);
}

AuditCounters Log::Counters() const {
  const MutexLock lock(mutex_);
  AuditCounters counters = counters_;
  counters.queue_depth = queue_.size();
  counters.tree_size = tree_.size();
  counters.last_checkpoint_size = checkpointed_;
  return counters;
}

Status Log::Writable() const {
  {
    const MutexLock lock(mutex_);
    if (refusal_) return refusal_->why;
  }
  struct statvfs room {};
  if (statvfs(path_.c_str(), &room) != 0) return Ok();  // The next write says what is wrong.
  if (std::uint64_t{room.f_bavail} * room.f_frsize >= kLeastRoom) return Ok();
  return Error(Code::kResourceExhausted,
               "no operation can be recorded: the disk that holds the audit log is full; make room "
               "there");
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::Open(const std::filesystem::path& path,
                                                 const SiteName& site, AuditLogOptions options) {
  TWINSEAL_ASSIGN_OR_RETURN(auto writer, ArchiveWriter::Open(path, site, options.max_pages));
  TWINSEAL_ASSIGN_OR_RETURN(auto reader, ArchiveReader::Open(path));
  return std::unique_ptr<AuditLog>(
      new Log(path, std::move(writer), std::move(reader), site, std::move(options)));
}

Status AuditLog::AppendAndWait(v1::AuditRecord record) {
  const auto durable = std::make_shared<std::promise<Status>>();
  Append(std::move(record), [durable](Status status) { durable->set_value(std::move(status)); });
  return durable->get_future().get();
}

}  // namespace twinseal::audit
