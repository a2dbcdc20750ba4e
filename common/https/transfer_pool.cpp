#include "common/https/transfer_pool.h"

#include <utility>

namespace twinseal::https {

std::unique_ptr<Transfer> TransferPool::Take() {
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Transfer> transfer = std::move(idle_.back());
      idle_.pop_back();
      return transfer;
    }
  }
  return std::make_unique<Transfer>(identity_, max_answer_);
}

void TransferPool::GiveBack(std::unique_ptr<Transfer> transfer) {
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(transfer));
}

}  // namespace twinseal::https
