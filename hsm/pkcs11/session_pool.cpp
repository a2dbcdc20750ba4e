#include "hsm/pkcs11/session_pool.h"

#include <utility>

namespace twinseal::hsm {

SessionPool::Lease::Lease(SessionPool& pool, std::unique_ptr<Session> session)
    : pool_(&pool), session_(std::move(session)) {}

SessionPool::Lease::Lease(Lease&& other) noexcept = default;

SessionPool::Lease::~Lease() {
  if (session_ != nullptr) pool_->Return(std::move(session_));
}

SessionPool::SessionPool(Connection& connection, std::size_t size) {
  const MutexLock lock(mutex_);
  for (std::size_t i = 0; i < size; ++i) free_.push_back(connection.NewSession());
}

Result<SessionPool::Lease> SessionPool::Acquire(std::chrono::steady_clock::time_point deadline) {
  std::unique_ptr<Session> session;
  {
    const MutexLock lock(mutex_);
    while (free_.empty()) {
      if (!returned_.WaitUntil(mutex_, deadline) && free_.empty()) {
        return Error(Code::kResourceExhausted,
                     "all sessions with the HSM are in use; try again later");
      }
    }
    session = std::move(free_.back());
    free_.pop_back();
  }
  Lease lease(*this, std::move(session));
  TWINSEAL_RETURN_IF_ERROR(lease->Ensure());
  return lease;
}

void SessionPool::Return(std::unique_ptr<Session> session) {
  const MutexLock lock(mutex_);
  free_.push_back(std::move(session));
  returned_.NotifyOne();
}

}  // namespace twinseal::hsm
