#include "common/ledger/sqlite_ledger.h"

#include <future>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "common/base/mutex.h"
#include "common/ledger/sqlite_feed.h"
#include "common/ledger/sqlite_store.h"

namespace twinseal::ledger {
namespace {

// Reads that go on at the same time.
constexpr std::size_t kReaders = 4;
// Transactions that share a sync at most; with the largest of them a commit is still 96 MiB.
constexpr std::size_t kBatch = 64;

// Lends readers out.
class ReaderPool {
 public:
  explicit ReaderPool(std::vector<std::unique_ptr<StoreReader>> readers)
      : idle_(std::move(readers)) {}

  template <typename Function>
  auto With(Function&& function) {
    std::unique_ptr<StoreReader> reader = Take();
    auto result = std::forward<Function>(function)(*reader);
    GiveBack(std::move(reader));
    return result;
  }

 private:
  std::unique_ptr<StoreReader> Take() {
    const MutexLock lock(mutex_);
    while (idle_.empty()) given_back_.Wait(mutex_);
    std::unique_ptr<StoreReader> reader = std::move(idle_.back());
    idle_.pop_back();
    return reader;
  }
  void GiveBack(std::unique_ptr<StoreReader> reader) {
    const MutexLock lock(mutex_);
    idle_.push_back(std::move(reader));
    given_back_.NotifyOne();
  }

  Mutex mutex_;
  Condition given_back_;
  std::vector<std::unique_ptr<StoreReader>> idle_ TWINSEAL_GUARDED_BY(mutex_);
};

// One thread that writes, for all who want to.
class Committer {
 public:
  Committer(std::unique_ptr<StoreWriter> store, CommitBell& bell)
      : store_(std::move(store)), bell_(bell), forgotten_(store_->forgotten()) {
    thread_ = std::thread([this] { Loop(); });
  }

  ~Committer() {
    {
      const MutexLock lock(mutex_);
      stopping_ = true;
      wakes_.NotifyAll();
    }
    thread_.join();
  }

  Result<Outcome> Commit(const Transaction& transaction) {
    const auto job = std::make_shared<Job>();
    job->transaction = &transaction;
    Add(job);
    return job->committed.get_future().get();
  }

  Status Purge() {
    const auto job = std::make_shared<Job>();
    Add(job);
    const Result<Outcome> purged = job->committed.get_future().get();
    return purged.ok() ? Ok() : Status(purged.error());
  }

  Revision forgotten() const {
    const MutexLock lock(mutex_);
    return forgotten_;
  }

 private:
  // A transaction, which its caller keeps alive until it has the outcome; or, without one, a purge.
  struct Job {
    const Transaction* transaction = nullptr;
    std::promise<Result<Outcome>> committed;
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;

  void Add(std::shared_ptr<Job> job) {
    const MutexLock lock(mutex_);
    waiting_.push_back(std::move(job));
    wakes_.NotifyOne();
  }

  void Loop() {
    for (Jobs jobs = Take(); !jobs.empty(); jobs = Take()) Do(jobs);
  }

  // What waits: transactions that may share a commit, or purges that are one. Nothing when
  // stopping.
  Jobs Take() {
    const MutexLock lock(mutex_);
    while (waiting_.empty() && !stopping_) wakes_.Wait(mutex_);
    const auto is_purge = [](const auto& job) { return job->transaction == nullptr; };
    auto end = waiting_.begin();
    while (end != waiting_.end() && static_cast<std::size_t>(end - waiting_.begin()) < kBatch &&
           is_purge(*end) == is_purge(waiting_.front())) {
      ++end;
    }
    Jobs jobs(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    return jobs;
  }

  void Do(const Jobs& jobs) {
    if (jobs.front()->transaction == nullptr) {
      const Status purged = store_->Purge();
      for (const auto& job : jobs) {
        job->committed.set_value(purged.ok() ? Result<Outcome>(Outcome{})
                                             : Result<Outcome>(purged.error()));
      }
      return;
    }
    std::vector<const Transaction*> transactions;
    for (const auto& job : jobs) transactions.push_back(job->transaction);
    const Result<std::vector<Outcome>> outcomes = store_->Apply(transactions);
    if (!outcomes.ok() && jobs.size() > 1) {
      // One may be too large for what room there is; the others are not to suffer for it.
      for (const auto& job : jobs) Do({job});
      return;
    }
    if (outcomes.ok()) {
      {
        const MutexLock lock(mutex_);
        forgotten_ = store_->forgotten();
      }
      bell_.Ring(store_->revision());
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      jobs[i]->committed.set_value(outcomes.ok() ? Result<Outcome>((*outcomes)[i])
                                                 : Result<Outcome>(outcomes.error()));
    }
  }

  std::unique_ptr<StoreWriter> store_;  // The thread's, once it runs.
  CommitBell& bell_;
  mutable Mutex mutex_;
  Condition wakes_;
  Jobs waiting_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  Revision forgotten_ TWINSEAL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class Engine final : public Ledger {
 public:
  Engine(std::filesystem::path path, std::unique_ptr<StoreWriter> writer,
         std::vector<std::unique_ptr<StoreReader>> readers)
      : path_(std::move(path)),
        bell_(writer->revision()),
        committer_(std::move(writer), bell_),
        readers_(std::move(readers)) {}

  Result<std::optional<Entry>> Get(std::string_view key) override {
    return readers_.With([&](StoreReader& reader) { return reader.Get(key); });
  }

  Result<Listing> List(const Range& range) override {
    return readers_.With([&](StoreReader& reader) { return reader.List(range); });
  }

  Result<Outcome> Commit(const Transaction& transaction) override {
    TWINSEAL_RETURN_IF_ERROR(CheckTransaction(transaction));
    return committer_.Commit(transaction);
  }

  Result<std::optional<Entry>> GetNearby(std::string_view key) override { return Get(key); }

  Result<Revision> CurrentRevision() override { return bell_.revision(); }
  Revision SeenRevision() override { return bell_.revision(); }

  Result<std::unique_ptr<Feed>> Follow(std::string prefix, Revision after,
                                       std::function<void(const Change&)> on_change,
                                       std::function<void(const Error&)> on_lost) override {
    const auto out_of_range = [&](std::string_view why) {
      return Error(Code::kOutOfRange,
                   fmt::format("the ledger's changes after revision {} cannot be told: {}",
                               Number(after), why));
    };
    if (after < committer_.forgotten()) return out_of_range("they are no longer kept; list again");
    if (after > bell_.revision()) return out_of_range("the ledger has not come so far");
    TWINSEAL_ASSIGN_OR_RETURN(auto reader, StoreReader::Open(path_));
    return std::unique_ptr<Feed>(new SqliteFeed(std::move(reader), bell_, prefix, after,
                                                std::move(on_change), std::move(on_lost)));
  }

  Status Purge() override { return committer_.Purge(); }

  std::string EngineName() const override { return fmt::format("sqlite {}", sqlite3_libversion()); }

 private:
  const std::filesystem::path path_;
  CommitBell bell_;
  // Closed last: a reader that closes last cannot move the write-ahead log into the file.
  Committer committer_;
  ReaderPool readers_;
};

}  // namespace

Result<std::unique_ptr<Ledger>> SqliteLedger::Open(const std::filesystem::path& path,
                                                   SqliteLedgerOptions options) {
  TWINSEAL_ASSIGN_OR_RETURN(auto writer,
                            StoreWriter::Open(path, options.kept_removals, options.max_pages));
  std::vector<std::unique_ptr<StoreReader>> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    TWINSEAL_ASSIGN_OR_RETURN(auto reader, StoreReader::Open(path));
    readers.push_back(std::move(reader));
  }
  return std::unique_ptr<Ledger>(new Engine(path, std::move(writer), std::move(readers)));
}

}  // namespace twinseal::ledger
