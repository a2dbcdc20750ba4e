// The connection's inside. Private to this folder.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/login.h"
#include "hsm/pkcs11/recovery.h"
#include "hsm/pkcs11/session_state.h"

namespace twinseal::hsm {

// One thread at a time sets things up: it owns `module_` and `login_` for that time without holding
// a lock, so that a module that hangs blocks nobody but that thread. The others wait for it only
// until a limit.
class Connection::Impl {
 public:
  Impl(ConnectionOptions options, PinSource& pin);
  ~Impl();

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Add(std::shared_ptr<SessionState> state) TWINSEAL_EXCLUDES(mutex_);
  // Closes the session, then forgets it. On the session's thread.
  void Remove(const std::shared_ptr<SessionState>& state) TWINSEAL_EXCLUDES(mutex_);
  // Makes the session ready. On the session's thread.
  Status Restore(SessionState& state) TWINSEAL_EXCLUDES(mutex_);
  // A call on a session failed with a CK_RV that costs something.
  void Fault(SessionState& state, CK_RV rv, const Error& error) TWINSEAL_EXCLUDES(mutex_);

  std::optional<TokenInfo> token() const TWINSEAL_EXCLUDES(mutex_);
  std::optional<ModuleInfo> module_info() const TWINSEAL_EXCLUDES(mutex_);
  const ConnectionOptions& options() const { return options_; }
  bool needs_restart() const { return needs_restart_.load(std::memory_order_relaxed); }
  std::string Describe() const TWINSEAL_EXCLUDES(mutex_);

 private:
  Status BeginSetUp() TWINSEAL_EXCLUDES(mutex_);
  Status SetUp(SessionState& state);
  void EndSetUp(SessionState& state, const Status& outcome) TWINSEAL_EXCLUDES(mutex_);

  Status InitializeModuleAgain(SessionState& own);
  Status LocateToken();
  Status OpenSession(SessionState& state);

  Error RestartNeeded(std::string why) TWINSEAL_REQUIRES(mutex_);
  Error NotYet() const TWINSEAL_REQUIRES(mutex_);

  const ConnectionOptions options_;
  std::atomic<bool> needs_restart_ = false;

  // Of the thread that sets things up.
  std::unique_ptr<Module> module_;
  std::optional<CK_SLOT_ID> slot_;
  Login login_;

  mutable Mutex mutex_;
  Condition set_up_;
  bool busy_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point busy_since_ TWINSEAL_GUARDED_BY(mutex_);
  Recovery recovery_ TWINSEAL_GUARDED_BY(mutex_);
  bool initialize_again_ =
      false;  // Of the thread that sets things up; taken from `recovery_` when it begins.
  std::uint64_t last_incarnation_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::optional<Error> last_error_ TWINSEAL_GUARDED_BY(mutex_);  // Nothing while all is well.
  std::string restart_reason_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<TokenInfo> token_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<ModuleInfo> module_info_ TWINSEAL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<SessionState>> sessions_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::hsm
