// Destroys keys when their waiting period is over.
#pragma once

#include <functional>
#include <thread>

#include "common/base/mutex.h"
#include "firmware/audit/audit_log.h"
#include "firmware/service/keys/key_store.h"

namespace twinseal::service {

class DestructionTimer {
 public:
  DestructionTimer(KeyDirectory& directory, KeyStore& store, audit::AuditLog& log, WallClock clock);
  // As Stop().
  ~DestructionTimer();

  DestructionTimer(const DestructionTimer&) = delete;
  DestructionTimer& operator=(const DestructionTimer&) = delete;

  // Looks every second until Stop().
  void Start();
  void Stop();

  // Destroys what is due now, each with its audit record. What fails is tried again the next time.
  void DestroyDue();

 private:
  void Run();

  KeyDirectory& directory_;
  KeyStore& store_;
  audit::AuditLog& log_;
  const WallClock clock_;

  Mutex mutex_;
  Condition changed_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::service
