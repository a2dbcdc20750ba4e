// What the agent's API shows to whoever connects.
#pragma once

#include <memory>
#include <utility>

#include "common/base/mutex.h"
#include "common/crypto/tls.h"

namespace twinseal::agent {

// Thread-safe.
class ServerCertificate {
 public:
  using Tls = std::shared_ptr<const crypto::ServerTls>;

  Tls Current() const TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return current_;
  }
  void Use(Tls tls) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    current_ = std::move(tls);
  }

 private:
  mutable Mutex mutex_;
  Tls current_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::agent
