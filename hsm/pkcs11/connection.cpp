#include "hsm/pkcs11/connection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "hsm/pkcs11/connection_impl.h"
#include "hsm/pkcs11/rv.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::hsm {
namespace {

constexpr CK_FLAGS kSessionFlags = CKF_SERIAL_SESSION | CKF_RW_SESSION;

using SteadyClock = std::chrono::steady_clock;

double Seconds(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

Loss LossOf(const Error& error) {
  return error.origin().empty() ? Loss::kNothing : RvLoss(RvFromName(error.origin()));
}

}  // namespace

Connection::Impl::Impl(ConnectionOptions options, PinSource& pin)
    : options_(std::move(options)), login_(pin), recovery_(options_.recovery) {}

Connection::Impl::~Impl() {
  if (needs_restart() && module_ != nullptr) module_->Abandon();
}

void Connection::Impl::Add(std::shared_ptr<SessionState> state) {
  const MutexLock lock(mutex_);
  sessions_.push_back(std::move(state));
}

void Connection::Impl::Remove(const std::shared_ptr<SessionState>& state) {
  // When the gate is closed the module is being initialized again, and there is no session any
  // more.
  if (state->gate.Enter()) {
    state->ready = false;
    if (std::exchange(state->open, false)) (void)state->functions->C_CloseSession(state->handle);
    state->gate.Leave();
  }
  const MutexLock lock(mutex_);
  std::erase(sessions_, state);
}

Status Connection::Impl::Restore(SessionState& state) {
  TWINSEAL_RETURN_IF_ERROR(BeginSetUp());
  Status outcome = SetUp(state);
  EndSetUp(state, outcome);
  return outcome;
}

Status Connection::Impl::BeginSetUp() {
  const MutexLock lock(mutex_);
  while (busy_) {
    if (needs_restart()) return NotYet();
    // Twice, because that thread may itself be waiting for another's call.
    const SteadyClock::duration hung = 2 * options_.recovery.call_limit;
    // Where nothing was lost, sessions are opened one after the other, and that is slow on a busy
    // machine.
    const SteadyClock::duration patience = last_error_ ? options_.recovery.wait_limit : hung;
    if (set_up_.WaitUntil(mutex_, busy_since_ + patience)) continue;
    if (!busy_) break;
    if (SteadyClock::now() - busy_since_ >= hung) {
      return RestartNeeded("setting up the connection to the HSM does not return");
    }
    return Error(Code::kUnavailable, "the connection to the HSM is being set up; try again shortly",
                 last_error_ ? last_error_->origin() : "");
  }
  if (needs_restart() || recovery_.UntilNextAttempt() > SteadyClock::duration::zero())
    return NotYet();
  busy_ = true;
  busy_since_ = SteadyClock::now();
  initialize_again_ = recovery_.module_lost();
  return Ok();
}

Status Connection::Impl::SetUp(SessionState& state) {
  if (module_ == nullptr) {
    TWINSEAL_ASSIGN_OR_RETURN(Module module, Module::Load(options_.module));
    module_ = std::make_unique<Module>(std::move(module));
    initialize_again_ = false;
  } else if (initialize_again_) {
    TWINSEAL_RETURN_IF_ERROR(InitializeModuleAgain(state));
  }
  if (!slot_.has_value()) TWINSEAL_RETURN_IF_ERROR(LocateToken());
  TWINSEAL_RETURN_IF_ERROR(OpenSession(state));
  return login_.Ensure(module_->functions(), *slot_, state.handle);
}

void Connection::Impl::EndSetUp(SessionState& state, const Status& outcome) {
  // A slot may be numbered differently, or hold another token, when it comes back.
  if (!outcome.ok()) slot_.reset();
  bool restored = false;
  {
    const MutexLock lock(mutex_);
    busy_ = false;
    set_up_.NotifyAll();
    if (module_ != nullptr && !initialize_again_) recovery_.ModuleInitialized();
    if (outcome.ok()) {
      state.incarnation = ++last_incarnation_;
      state.ready.store(true, std::memory_order_release);
      restored = std::exchange(last_error_, std::nullopt).has_value();
    } else {
      recovery_.AttemptFailed(LossOf(outcome.error()));
      last_error_ = outcome.error();
    }
  }
  if (restored && options_.on_event) options_.on_event("the connection to the HSM is restored");
  if (!outcome.ok() && options_.on_loss) options_.on_loss(outcome.error());
}

Status Connection::Impl::InitializeModuleAgain(SessionState& own) {
  std::vector<std::shared_ptr<SessionState>> others;
  {
    const MutexLock lock(mutex_);
    others = sessions_;
  }
  std::erase_if(others, [&own](const auto& other) { return other.get() == &own; });
  const auto until = SteadyClock::now() + options_.recovery.call_limit;
  for (auto other = others.begin(); other != others.end(); ++other) {
    if ((*other)->gate.CloseUntil(until)) continue;
    std::for_each(others.begin(), other, [](const auto& closed) { closed->gate.Open(); });
    const MutexLock lock(mutex_);
    return RestartNeeded(
        "a call into the HSM's module does not return, so it cannot be initialized again");
  }
  own.open = false;
  for (const auto& other : others) {
    other->ready = false;
    other->open = false;
  }
  slot_.reset();
  Status outcome = module_->Reinitialize();
  for (const auto& other : others) other->gate.Open();
  if (outcome.ok()) initialize_again_ = false;
  return outcome;
}

Status Connection::Impl::LocateToken() {
  TWINSEAL_ASSIGN_OR_RETURN(const TokenInfo token, FindToken(*module_, options_.token));
  TWINSEAL_ASSIGN_OR_RETURN(const ModuleInfo info, module_->Info());
  if (!token.user_pin_set())
    return RvError(CKR_USER_PIN_NOT_INITIALIZED, options_.token.Describe());
  slot_ = token.slot;
  const MutexLock lock(mutex_);
  token_ = token;
  module_info_ = info;
  return Ok();
}

Status Connection::Impl::OpenSession(SessionState& state) {
  const CK_FUNCTION_LIST& functions = module_->functions();
  state.functions = &functions;
  if (std::exchange(state.open, false)) (void)functions.C_CloseSession(state.handle);
  CK_RV rv = functions.C_OpenSession(*slot_, kSessionFlags, nullptr, nullptr, &state.handle);
  if (RvLoss(rv) == Loss::kToken) {
    // The token may sit in another slot by now.
    TWINSEAL_RETURN_IF_ERROR(LocateToken());
    rv = functions.C_OpenSession(*slot_, kSessionFlags, nullptr, nullptr, &state.handle);
  }
  if (rv != CKR_OK) return RvError(rv, "opening a session with the token");
  state.open = true;
  return Ok();
}

void Connection::Impl::Fault(SessionState& state, CK_RV rv, const Error& error) {
  state.ready.store(false, std::memory_order_release);
  {
    const MutexLock lock(mutex_);
    recovery_.SessionFault(RvLoss(rv), state.incarnation, last_incarnation_);
    last_error_ = error;
  }
  if (options_.on_loss) options_.on_loss(error);
}

Error Connection::Impl::RestartNeeded(std::string why) {
  restart_reason_ = std::move(why);
  needs_restart_ = true;
  return NotYet();
}

Error Connection::Impl::NotYet() const {
  const std::string origin = last_error_ ? last_error_->origin() : "";
  if (needs_restart()) {
    return Error(Code::kUnavailable, restart_reason_ + "; the signing core has to be restarted",
                 origin);
  }
  // What a person must mend is told as it is, however often it is asked.
  if (last_error_ && last_error_->code() != Code::kUnavailable) return *last_error_;
  return Error(
      Code::kUnavailable,
      fmt::format("the connection to the HSM was lost; the next attempt is in {:.1f} s ({})",
                  std::max(0.0, Seconds(recovery_.UntilNextAttempt())),
                  last_error_ ? last_error_->message() : "no reason known"),
      origin);
}

std::optional<TokenInfo> Connection::Impl::token() const {
  const MutexLock lock(mutex_);
  return token_;
}

std::optional<ModuleInfo> Connection::Impl::module_info() const {
  const MutexLock lock(mutex_);
  return module_info_;
}

std::string Connection::Impl::Describe() const {
  const MutexLock lock(mutex_);
  if (needs_restart()) return "restart needed: " + restart_reason_;
  if (!last_error_) return last_incarnation_ == 0 ? "not connected" : "ready";
  if (last_error_->code() != Code::kUnavailable) return "refused: " + last_error_->message();
  const auto wait = recovery_.UntilNextAttempt();
  const std::string when = wait > SteadyClock::duration::zero()
                               ? fmt::format("next attempt in {:.1f} s", Seconds(wait))
                               : "to be restored";
  return fmt::format("lost ({}), {}",
                     last_error_->origin().empty() ? last_error_->message() : last_error_->origin(),
                     when);
}

Connection::Connection(ConnectionOptions options, PinSource& pin)
    : impl_(std::make_unique<Impl>(std::move(options), pin)) {}

Connection::~Connection() = default;

Status Connection::Connect() { return NewSession()->Ensure(); }

std::unique_ptr<Session> Connection::NewSession() { return std::make_unique<Session>(*this); }

std::optional<TokenInfo> Connection::token() const { return impl_->token(); }
std::optional<ModuleInfo> Connection::module_info() const { return impl_->module_info(); }
const ModuleOptions& Connection::module_options() const { return impl_->options().module; }
bool Connection::needs_restart() const { return impl_->needs_restart(); }
std::string Connection::Describe() const { return impl_->Describe(); }

}  // namespace twinseal::hsm
