// Signatures of one key that threads wait for at the same time, asked for together.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "agent/pkcs11/contract.h"
#include "common/base/mutex.h"

namespace twinseal::pkcs11 {

// Only where a key's policy lets signatures share an activation. Nobody waits for company: who
// comes while others are under way goes with the next batch. The thread that is first in line makes
// the call for all. Thread-safe.
class Batches {
 public:
  Batches(const Contract& contract, std::chrono::milliseconds timeout)
      : contract_(contract), timeout_(timeout) {}

  // `most` signatures at the most share an activation.
  Result<Bytes> Sign(const Contract::Signing& signing, const Bytes& digest, std::size_t most)
      TWINSEAL_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Order {
    const Bytes& digest;
    Time deadline;
    Condition moved;  // It is done, or is the first in line.
    std::optional<Result<Bytes>> signature;
  };
  struct Line {
    unsigned running = 0;  // Batches.
    std::deque<Order*> waiting;
  };
  using Lines = std::map<Contract::Signing, Line>;

  // Blocks until the order is done, or leads: then those that go with it, itself among them.
  std::vector<Order*> WaitToLead(const Contract::Signing& signing, Order& order, std::size_t most)
      TWINSEAL_EXCLUDES(mutex_);
  static void GiveUp(Line& line, Order& order);
  Result<std::vector<Bytes>> SignAll(const Contract::Signing& signing,
                                     const std::vector<Order*>& orders, Time deadline) const;
  Result<std::vector<Bytes>> AskFor(const Contract::Signing& signing,
                                    const std::vector<Order*>& orders, Time deadline) const;
  void Deliver(const Contract::Signing& signing, const std::vector<Order*>& orders,
               const Result<std::vector<Bytes>>& signatures) TWINSEAL_EXCLUDES(mutex_);

  const Contract& contract_;
  const std::chrono::milliseconds timeout_;
  Mutex mutex_;
  Lines lines_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::pkcs11
