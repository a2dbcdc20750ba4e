// A fixed number of sessions that are lent out, one to a thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::hsm {

// Thread-safe. For callers without a worker of their own; a worker rather owns its session
// (Connection::NewSession). Never makes more sessions than it was told to.
class SessionPool {
 public:
  // Returns the session when it dies. Move-only; must not outlive the pool.
  class Lease {
   public:
    ~Lease();
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;

    Session& operator*() const { return *session_; }
    Session* operator->() const { return session_.get(); }

   private:
    friend class SessionPool;
    Lease(SessionPool& pool, std::unique_ptr<Session> session);

    SessionPool* pool_;
    std::unique_ptr<Session> session_;
  };

  SessionPool(Connection& connection, std::size_t size);

  // Waits for a session until `deadline`, then makes sure that it is ready. resource_exhausted when
  // none came free.
  Result<Lease> Acquire(std::chrono::steady_clock::time_point deadline);

 private:
  void Return(std::unique_ptr<Session> session);

  Mutex mutex_;
  Condition returned_;
  std::vector<std::unique_ptr<Session>> free_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::hsm
