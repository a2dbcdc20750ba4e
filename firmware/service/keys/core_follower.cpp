#include "firmware/service/keys/core_follower.h"

#include <spdlog/spdlog.h>

namespace twinseal::service {

CoreFollower::~CoreFollower() { Stop(); }

void CoreFollower::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CoreFollower::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void CoreFollower::Changed(const KeyId& id) {
  const MutexLock lock(mutex_);
  waiting_.insert(id);
  changed_.NotifyAll();
}

void CoreFollower::Run() {
  while (true) {
    KeyId id;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      id = *waiting_.begin();
      waiting_.erase(waiting_.begin());
    }
    if (const Status told = tell_(id); !told.ok()) {
      spdlog::warn("telling the signing core about key {}: {}", id.Hex(), told.error().message());
    }
  }
}

}  // namespace twinseal::service
