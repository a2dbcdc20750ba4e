// What lies between C_Initialize and C_Finalize: slots with their tokens, sessions, the log.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "agent/pkcs11/config.h"
#include "agent/pkcs11/log.h"
#include "agent/pkcs11/outcome.h"
#include "agent/pkcs11/session.h"
#include "agent/pkcs11/token.h"
#include "common/base/mutex.h"

namespace twinseal::pkcs11 {

// Thread-safe.
class Module {
 public:
  // Slot 0 is the pair, the next ones are the sites that have a token of their own. Without a
  // configuration there is no slot: a machine that has the module installed need not use it.
  static Result<std::shared_ptr<Module>> Create(const Environment& environment);

  // CKR_SLOT_ID_INVALID.
  Outcome<Token*> TokenIn(CK_SLOT_ID slot) const;
  CK_ULONG slot_count() const { return tokens_.size(); }

  CK_SESSION_HANDLE OpenSession(Token& token, CK_SLOT_ID slot, CK_FLAGS flags)
      TWINSEAL_EXCLUDES(mutex_);
  // CKR_SESSION_HANDLE_INVALID. A session that is closed meanwhile lives as long as it is used.
  Outcome<std::shared_ptr<Session>> SessionOf(CK_SESSION_HANDLE handle) const
      TWINSEAL_EXCLUDES(mutex_);
  // With its last session a token's user is logged out (v2.40 §5.6).
  Done CloseSession(CK_SESSION_HANDLE handle) TWINSEAL_EXCLUDES(mutex_);
  void CloseAllSessions(CK_SLOT_ID slot) TWINSEAL_EXCLUDES(mutex_);
  struct SessionCount {
    CK_ULONG all;
    CK_ULONG writable;
  };
  SessionCount CountSessions(CK_SLOT_ID slot) const TWINSEAL_EXCLUDES(mutex_);

  const Log& log() const { return log_; }

  // Ends the calls under way, and those to come.
  void Stop();

 private:
  explicit Module(Log log) : log_(std::move(log)) {}
  void LogOutIfUnused(CK_SLOT_ID slot) TWINSEAL_REQUIRES(mutex_);

  const Log log_;
  std::vector<std::unique_ptr<Token>> tokens_;

  mutable Mutex mutex_;
  CK_SESSION_HANDLE last_handle_ TWINSEAL_GUARDED_BY(mutex_) = CK_INVALID_HANDLE;
  std::map<CK_SESSION_HANDLE, std::shared_ptr<Session>> sessions_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::pkcs11
