#include "firmware/service/keys/applied.h"

#include <algorithm>
#include <utility>

namespace twinseal::service {

void Applied::Advance(ledger::Revision revision) {
  std::vector<Waiter> due;
  {
    const MutexLock lock(mutex_);
    if (revision <= now_) return;
    now_ = revision;
    const auto first_due =
        std::stable_partition(waiters_.begin(), waiters_.end(),
                              [&](const Waiter& waiter) { return waiter.revision > revision; });
    due.assign(std::make_move_iterator(first_due), std::make_move_iterator(waiters_.end()));
    waiters_.erase(first_due, waiters_.end());
    advanced_.NotifyAll();
  }
  for (const Waiter& waiter : due) waiter.done(revision);
}

ledger::Revision Applied::now() const {
  const MutexLock lock(mutex_);
  return now_;
}

bool Applied::WaitUntil(ledger::Revision revision, Deadline deadline) {
  const MutexLock lock(mutex_);
  while (now_ < revision) {
    if (!advanced_.WaitUntil(mutex_, deadline)) return now_ >= revision;
  }
  return true;
}

void Applied::When(ledger::Revision revision, Deadline deadline,
                   std::function<void(ledger::Revision)> done) {
  ledger::Revision reached{};
  {
    const MutexLock lock(mutex_);
    if (now_ < revision) {
      const auto now = std::chrono::steady_clock::now();
      std::erase_if(waiters_, [now](const Waiter& waiter) { return waiter.deadline < now; });
      waiters_.push_back({revision, deadline, std::move(done)});
      return;
    }
    reached = now_;
  }
  done(reached);
}

}  // namespace twinseal::service
