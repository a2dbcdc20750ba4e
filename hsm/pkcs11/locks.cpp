#include "hsm/pkcs11/locks.h"

#include <mutex>
#include <new>
#include <thread>

namespace twinseal::hsm {
namespace {

constexpr int kAttempts = 200;
constexpr int kPausesBetween = 8;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

class SpinningMutex {
 public:
  void Lock() {
    for (int attempt = 0; attempt < attempts_; ++attempt) {
      if (mutex_.try_lock()) return;
      for (int pause = 0; pause < kPausesBetween; ++pause) Pause();
    }
    mutex_.lock();
  }
  void Unlock() { mutex_.unlock(); }

 private:
  const int attempts_ = std::thread::hardware_concurrency() > 1 ? kAttempts : 0;
  std::mutex mutex_;
};

SpinningMutex* Ours(CK_VOID_PTR mutex) { return static_cast<SpinningMutex*>(mutex); }

CK_RV Create(CK_VOID_PTR_PTR mutex) {
  if (mutex == nullptr) return CKR_ARGUMENTS_BAD;
  *mutex = new (std::nothrow) SpinningMutex;
  return *mutex != nullptr ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV Destroy(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  delete Ours(mutex);
  return CKR_OK;
}

CK_RV Lock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  Ours(mutex)->Lock();
  return CKR_OK;
}

CK_RV Unlock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  Ours(mutex)->Unlock();
  return CKR_OK;
}

}  // namespace

void LendLocks(CK_C_INITIALIZE_ARGS& arguments) {
  arguments.CreateMutex = Create;
  arguments.DestroyMutex = Destroy;
  arguments.LockMutex = Lock;
  arguments.UnlockMutex = Unlock;
}

}  // namespace twinseal::hsm
