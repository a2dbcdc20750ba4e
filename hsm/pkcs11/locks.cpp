#include "hsm/pkcs11/locks.h"

#include <cstdlib>
#include <thread>

#include <pthread.h>

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

pthread_mutex_t* Native(CK_VOID_PTR mutex) { return static_cast<pthread_mutex_t*>(mutex); }

// From malloc, and nothing but the system's mutex: SoftHSM destroys those that are left when the
// process ends with its own functions.
CK_RV Create(CK_VOID_PTR_PTR mutex) {
  if (mutex == nullptr) return CKR_ARGUMENTS_BAD;
  void* const made = std::malloc(sizeof(pthread_mutex_t));
  if (made == nullptr) return CKR_HOST_MEMORY;
  if (pthread_mutex_init(Native(made), nullptr) != 0) {
    std::free(made);
    return CKR_GENERAL_ERROR;
  }
  *mutex = made;
  return CKR_OK;
}

CK_RV Destroy(CK_VOID_PTR mutex) {
  if (mutex == nullptr || pthread_mutex_destroy(Native(mutex)) != 0) return CKR_MUTEX_BAD;
  std::free(mutex);
  return CKR_OK;
}

CK_RV Lock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  static const int attempts = std::thread::hardware_concurrency() > 1 ? kAttempts : 0;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (pthread_mutex_trylock(Native(mutex)) == 0) return CKR_OK;
    for (int pause = 0; pause < kPausesBetween; ++pause) Pause();
  }
  return pthread_mutex_lock(Native(mutex)) == 0 ? CKR_OK : CKR_MUTEX_BAD;
}

CK_RV Unlock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  return pthread_mutex_unlock(Native(mutex)) == 0 ? CKR_OK : CKR_MUTEX_NOT_LOCKED;
}

}  // namespace

void LendLocks(CK_C_INITIALIZE_ARGS& arguments) {
  arguments.CreateMutex = Create;
  arguments.DestroyMutex = Destroy;
  arguments.LockMutex = Lock;
  arguments.UnlockMutex = Unlock;
}

}  // namespace twinseal::hsm
