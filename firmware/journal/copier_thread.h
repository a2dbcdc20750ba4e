// Copies for as long as the process runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/journal/backlog.h"
#include "firmware/journal/copier.h"

namespace twinseal::journal {

struct CopierPace {
  // What comes in this time is copied, acknowledged and dropped together: three commits each half
  // second at the most, however much is issued.
  std::chrono::milliseconds gather{500};
  // What another site was about to drop when it went away is dropped by this one.
  std::chrono::milliseconds tend{5'000};
  // Beginning again reads the whole journal.
  std::chrono::milliseconds retry{2'000};
};

// Start() and Stop() once each, from any thread; what it refers to outlives it.
class CopierThread {
 public:
  CopierThread(ledger::Ledger& ledger, Copier& copier, Backlog& backlog, CopierPace pace = {})
      : ledger_(ledger), copier_(copier), backlog_(backlog), pace_(pace) {}
  ~CopierThread() { Stop(); }
  CopierThread(const CopierThread&) = delete;
  CopierThread& operator=(const CopierThread&) = delete;

  void Start();
  void Stop() TWINSEAL_EXCLUDES(mutex_);

 private:
  void Run();
  Status CopyAndFollow();
  void Hear(const ledger::Change& change) TWINSEAL_EXCLUDES(mutex_);
  // False when it is to stop.
  Result<bool> AwaitChanges(std::vector<ledger::Change>& changes) TWINSEAL_EXCLUDES(mutex_);
  bool Pause() TWINSEAL_EXCLUDES(mutex_);

  ledger::Ledger& ledger_;
  Copier& copier_;
  Backlog& backlog_;
  const CopierPace pace_;
  int failures_ = 0;  // In a row; the thread's own.

  Mutex mutex_;
  Condition news_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::vector<ledger::Change> heard_ TWINSEAL_GUARDED_BY(mutex_);
  std::size_t heard_bytes_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::optional<Error> lost_ TWINSEAL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace twinseal::journal
