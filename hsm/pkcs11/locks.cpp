#include "hsm/pkcs11/locks.h"

#include <memory>
#include <new>

#include <pthread.h>

namespace twinseal::hsm {
namespace {

pthread_mutex_t* Native(CK_VOID_PTR mutex) { return static_cast<pthread_mutex_t*>(mutex); }

CK_RV Create(CK_VOID_PTR_PTR mutex) {
  if (mutex == nullptr) return CKR_ARGUMENTS_BAD;
  std::unique_ptr<pthread_mutex_t> made(new (std::nothrow) pthread_mutex_t);
  pthread_mutexattr_t attributes;
  if (made == nullptr || pthread_mutexattr_init(&attributes) != 0) return CKR_HOST_MEMORY;
  const bool usable = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP) == 0 &&
                      pthread_mutex_init(made.get(), &attributes) == 0;
  pthread_mutexattr_destroy(&attributes);
  if (!usable) return CKR_GENERAL_ERROR;
  *mutex = made.release();
  return CKR_OK;
}

CK_RV Destroy(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
  const std::unique_ptr<pthread_mutex_t> owned(Native(mutex));
  return pthread_mutex_destroy(owned.get()) == 0 ? CKR_OK : CKR_MUTEX_BAD;
}

CK_RV Lock(CK_VOID_PTR mutex) {
  if (mutex == nullptr) return CKR_MUTEX_BAD;
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
