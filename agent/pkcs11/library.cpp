#include "agent/pkcs11/library.h"

#include <cstdlib>
#include <new>
#include <utility>

#include <pthread.h>

namespace twinseal::pkcs11 {
namespace {

struct Library {
  Mutex mutex;
  std::shared_ptr<Module> module TWINSEAL_GUARDED_BY(mutex);
};

// Never destroyed: applications call C_Finalize from their own destructors, or not at all.
alignas(Library) unsigned char storage[sizeof(Library)];
Library& TheLibrary() {
  static Library* const library = new (storage) Library;
  return *library;
}

// In the child, whose only thread this is. Another thread of the parent may have held the mutex,
// and a connection must not be closed here, which would end the parent's: all is left as it is.
void ForgetInChild() { new (storage) Library; }

std::optional<std::string> FromProcess(const char* name) {
  const char* const value = secure_getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

Done InitializeLibrary() {
  static const int watching_forks = pthread_atfork(nullptr, nullptr, ForgetInChild);
  if (watching_forks != 0) return Failure(CKR_HOST_MEMORY);
  Library& library = TheLibrary();
  const MutexLock lock(library.mutex);
  if (library.module != nullptr) return Failure(CKR_CRYPTOKI_ALREADY_INITIALIZED);
  Result<std::shared_ptr<Module>> made = Module::Create(FromProcess);
  if (!made.ok()) return Failure(CKR_GENERAL_ERROR);  // The log has it.
  library.module = *std::move(made);
  return {};
}

Done FinalizeLibrary() {
  Library& library = TheLibrary();
  std::shared_ptr<Module> module;
  {
    const MutexLock lock(library.mutex);
    module = std::exchange(library.module, nullptr);
  }
  if (module == nullptr) return Failure(CKR_CRYPTOKI_NOT_INITIALIZED);
  module->Stop();
  return {};
}

Outcome<std::shared_ptr<Module>> InitializedLibrary() {
  Library& library = TheLibrary();
  const MutexLock lock(library.mutex);
  if (library.module == nullptr) return Failure(CKR_CRYPTOKI_NOT_INITIALIZED);
  return library.module;
}

}  // namespace twinseal::pkcs11
