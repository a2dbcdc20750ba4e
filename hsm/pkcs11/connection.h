// The connection to one token of one module: what all sessions share, and how it comes back after a
// fault.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/pin.h"
#include "hsm/pkcs11/token.h"

namespace twinseal::hsm {

class Session;

// How a lost session, login or module is set up again.
struct RecoveryPolicy {
  using Clock = std::chrono::steady_clock;

  // The first fault is mended at once. Each further one within `quiet_period` waits twice as long
  // as the one before, from first_delay to max_delay, give or take a quarter, so that sites do not
  // knock in step.
  std::chrono::milliseconds first_delay{50};
  std::chrono::milliseconds max_delay{10'000};
  std::chrono::milliseconds quiet_period{30'000};
  // From this many faults on without quiet between them, the module itself is initialized again.
  unsigned faults_before_module = 3;
  // How long re-initialisation waits for other sessions' calls to return. When one does not, the
  // module cannot be initialized again and the process has to be restarted.
  std::chrono::milliseconds call_limit{5'000};
  // How long a thread waits for another that is already setting a lost connection up. Where nothing
  // was lost it waits as long as that takes, up to twice the call limit.
  std::chrono::milliseconds wait_limit{2'000};

  std::function<Clock::time_point()> now = [] { return Clock::now(); };
  // In [0, 1): spreads the delays.
  std::function<double()> jitter;  // Not set: OpenSSL's generator.
};

struct ConnectionOptions {
  ModuleOptions module;
  TokenSelector token;
  RecoveryPolicy recovery;
  // Told in one sentence when the connection is lost, restored or given up; called on the thread
  // that found out, with no lock held. For logs.
  std::function<void(const Error&)> on_loss;
  std::function<void(const std::string&)> on_event;
};

// Thread-safe. Nothing is loaded before Connect (or a session's Ensure) asks for it, and whatever
// fails may be asked for again: a token that appears later is found later. No lock is held while a
// call into the module is under way, so a call that hangs stops its own thread and nobody else.
class Connection {
 public:
  // `pin` outlives the connection.
  Connection(ConnectionOptions options, PinSource& pin);
  // All sessions are gone by then.
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Loads the module, finds the token and logs in, now. Errors: not_found and failed_precondition
  // for what a person must mend (no such module; PIN missing, wrong or locked), unavailable for
  // what may come back (no token).
  Status Connect();

  // A session for one thread at a time; it connects at its first Ensure. Must not outlive the
  // connection.
  std::unique_ptr<Session> NewSession();

  // The token as it was found last; nothing before the first Connect that worked.
  std::optional<TokenInfo> token() const;
  std::optional<ModuleInfo> module_info() const;
  const ModuleOptions& module_options() const;

  // True once a call that does not return keeps the module from being initialized again: only a new
  // process helps.
  bool needs_restart() const;

  // For status pages: "ready", "not connected", "lost (CKR_DEVICE_ERROR), next attempt in 1.6 s",
  // "refused: ...", "restart needed: ...".
  std::string Describe() const;

 private:
  friend class Session;
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::hsm
