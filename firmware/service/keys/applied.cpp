#include "firmware/service/keys/applied.h"

#include <algorithm>
#include <utility>

namespace twinseal::service {

std::vector<Applied::Waiter> Applied::Take(const std::function<bool(const Waiter&)>& due) {
  const auto first_due = std::stable_partition(waiters_.begin(), waiters_.end(),
                                               [&](const Waiter& waiter) { return !due(waiter); });
  std::vector<Waiter> taken(std::make_move_iterator(first_due),
                            std::make_move_iterator(waiters_.end()));
  waiters_.erase(first_due, waiters_.end());
  return taken;
}

void Applied::AnswerLate() {
  std::vector<Waiter> late;
  ledger::Revision reached{};
  {
    const MutexLock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    late = Take([now](const Waiter& waiter) { return waiter.answer_by <= now; });
    reached = now_;
  }
  for (const Waiter& waiter : late) waiter.done(reached);
}

void Applied::Advance(ledger::Revision revision) {
  std::vector<Waiter> due;
  {
    const MutexLock lock(mutex_);
    if (revision <= now_) return;
    now_ = revision;
    due = Take([&](const Waiter& waiter) { return waiter.revision <= revision; });
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

void Applied::When(ledger::Revision revision, Deadline answer_by,
                   std::function<void(ledger::Revision)> done) {
  ledger::Revision reached{};
  {
    const MutexLock lock(mutex_);
    if (now_ < revision) {
      waiters_.push_back({revision, answer_by, std::move(done)});
      return;
    }
    reached = now_;
  }
  done(reached);
}

}  // namespace twinseal::service
