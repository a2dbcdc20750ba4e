// The SQLite ledger's feeds: one thread a feed, woken by commits.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/ledger/ledger.h"
#include "common/ledger/sqlite_store.h"

namespace twinseal::ledger {

// Tells feeds how far the ledger has come. Thread-safe.
class CommitBell {
 public:
  explicit CommitBell(Revision revision) : revision_(revision) {}

  void Ring(Revision revision);
  Revision revision() const;
  // Waits until the ledger is beyond `seen` or `stopped` is set and Wake() was called.
  void WaitBeyond(Revision seen, const std::atomic<bool>& stopped);
  void Wake();

 private:
  mutable Mutex mutex_;
  Condition rings_;
  Revision revision_ TWINSEAL_GUARDED_BY(mutex_);
};

class SqliteFeed final : public Feed {
 public:
  // `bell` must outlive the feed. Begins to call at once.
  SqliteFeed(std::unique_ptr<StoreReader> reader, CommitBell& bell, const std::string& prefix,
             Revision after, std::function<void(const Change&)> on_change,
             std::function<void(const Error&)> on_lost);
  ~SqliteFeed() override;

 private:
  void Loop(Revision after);
  // Tells what there is. The revision up to which everything was told.
  Result<Revision> Deliver(Revision after);

  std::unique_ptr<StoreReader> reader_;
  CommitBell& bell_;
  const Range range_;
  const std::function<void(const Change&)> on_change_;
  const std::function<void(const Error&)> on_lost_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace twinseal::ledger
