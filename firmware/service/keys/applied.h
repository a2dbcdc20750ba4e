// How far this site's view of the keys is.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "common/base/mutex.h"
#include "common/ledger/ledger.h"
#include "firmware/service/core_link/core.h"

namespace twinseal::service {

// Every change of a key up to this revision of the ledger is in the view. It only rises.
// Thread-safe.
class Applied {
 public:
  void Advance(ledger::Revision revision) TWINSEAL_EXCLUDES(mutex_);
  ledger::Revision now() const TWINSEAL_EXCLUDES(mutex_);

  // False when it is not there by then.
  bool WaitUntil(ledger::Revision revision, Deadline deadline) TWINSEAL_EXCLUDES(mutex_);
  // Calls `done` once, with how far it is: now when the revision is there, or from the thread that
  // advances, or from that of AnswerLate once `answer_by` is over.
  void When(ledger::Revision revision, Deadline answer_by,
            std::function<void(ledger::Revision)> done) TWINSEAL_EXCLUDES(mutex_);
  // For somebody to call now and then: who has waited long enough hears how far it is.
  void AnswerLate() TWINSEAL_EXCLUDES(mutex_);

 private:
  struct Waiter {
    ledger::Revision revision;
    Deadline answer_by;
    std::function<void(ledger::Revision)> done;
  };

  // Takes those out for whom it holds.
  std::vector<Waiter> Take(const std::function<bool(const Waiter&)>& due) TWINSEAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition advanced_;
  ledger::Revision now_ TWINSEAL_GUARDED_BY(mutex_){};
  std::vector<Waiter> waiters_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::service
