#include "firmware/service/runtime/in_flight.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {

InFlight::Ticket::Ticket(Ticket&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), count_(std::exchange(other.count_, nullptr)) {}

InFlight::Ticket::~Ticket() {
  if (owner_ == nullptr) return;
  const MutexLock lock(owner_->mutex_);
  --*count_;
  if (--owner_->all_ == 0) owner_->changed_.NotifyAll();
}

Result<InFlight::Ticket> InFlight::Enter(const std::string& caller) {
  const MutexLock lock(mutex_);
  std::size_t& count = by_caller_[caller];
  if (count >= limits_.per_caller) {
    return Error(Code::kResourceExhausted,
                 fmt::format("{} has {} requests under way, the most it may have; wait for answers",
                             caller, count));
  }
  if (all_ >= limits_.all) {
    return Error(Code::kResourceExhausted,
                 "the appliance has as many requests under way as it takes; try again later");
  }
  ++count;
  ++all_;
  return Ticket(*this, &count);
}

std::size_t InFlight::count() const {
  const MutexLock lock(mutex_);
  return all_;
}

void InFlight::WaitUntilIdle() {
  const MutexLock lock(mutex_);
  while (all_ != 0) changed_.Wait(mutex_);
}

}  // namespace twinseal::service
