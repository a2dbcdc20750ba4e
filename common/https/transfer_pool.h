// Transfers that wait between exchanges, with their connections open.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "common/base/mutex.h"
#include "common/https/transfer.h"

namespace twinseal::https {

// Thread-safe; each exchange that runs at the same time as another has a transfer of its own.
class TransferPool {
 public:
  // As for Transfer.
  TransferPool(const Identity& identity, std::size_t max_answer)
      : identity_(identity), max_answer_(max_answer) {}

  // `exchange` makes an Outcome with a Transfer&.
  template <typename Exchange>
  Outcome Use(const Exchange& exchange) {
    std::unique_ptr<Transfer> transfer = Take();
    Outcome outcome = exchange(*transfer);
    GiveBack(std::move(transfer));
    return outcome;
  }

 private:
  std::unique_ptr<Transfer> Take() TWINSEAL_EXCLUDES(mutex_);
  void GiveBack(std::unique_ptr<Transfer> transfer) TWINSEAL_EXCLUDES(mutex_);

  const Identity& identity_;
  const std::size_t max_answer_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::https
