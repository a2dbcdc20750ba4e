// How many requests one caller, and all together, may have under way.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/mutex.h"
#include "common/base/result.h"

namespace twinseal::service {

struct InFlightLimits {
  // Four times the clients that the speed targets speak of; one caller cannot fill the core's
  // queues.
  std::size_t per_caller = 256;
  std::size_t all = 2048;
};

// Thread-safe. Outlives its tickets.
class InFlight {
 public:
  explicit InFlight(InFlightLimits limits) : limits_(limits) {}

  // Held for as long as a request is under way. Move-only.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();

   private:
    friend class InFlight;
    Ticket(InFlight& owner, std::size_t* count) : owner_(&owner), count_(count) {}
    InFlight* owner_;
    std::size_t* count_;
  };

  // resource_exhausted beyond a limit.
  Result<Ticket> Enter(const std::string& caller);

  std::size_t count() const;
  // Blocks until nothing is under way.
  void WaitUntilIdle();

 private:
  const InFlightLimits limits_;
  mutable Mutex mutex_;
  Condition changed_;
  std::size_t all_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  // Callers are as many as certificates were issued, so entries stay.
  std::unordered_map<std::string, std::size_t> by_caller_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::service
