#include "firmware/service/core_link/core_supervisor.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A core that opens a vault of 100,000 keys answers within 3 s; one that recovers its HSM may take
// longer, and answering `status` does not depend on the HSM.
constexpr std::chrono::seconds kFirstAnswer{30};

}  // namespace

CoreSupervisor::CoreSupervisor(std::unique_ptr<CoreLauncher> launcher, SupervisorOptions options,
                               std::function<void()> on_ready)
    : options_(std::move(options)), on_ready_(std::move(on_ready)), launcher_(std::move(launcher)) {
  state_.reason = "the signing core has not been started yet";
}

CoreSupervisor::~CoreSupervisor() { Stop(); }

void CoreSupervisor::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CoreSupervisor::Stop() {
  std::shared_ptr<CoreLink> link;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    link = link_;
    changed_.NotifyAll();
  }
  if (link) link->Close();
  if (thread_.joinable()) thread_.join();
}

void CoreSupervisor::Retry(std::unique_ptr<CoreLauncher> launcher) {
  const MutexLock lock(mutex_);
  if (launcher) next_launcher_ = std::move(launcher);
  retry_ = true;
  changed_.NotifyAll();
}

std::shared_ptr<CoreLink> CoreSupervisor::Link() const {
  const MutexLock lock(mutex_);
  return link_;
}

void CoreSupervisor::Call(v1::CoreRequest request, Deadline deadline, Callback done) {
  // The link may go while we use it; the reference keeps it until its callbacks are through.
  if (const std::shared_ptr<CoreLink> link = Link()) {
    link->Call(std::move(request), deadline, std::move(done));
    return;
  }
  done(Error(Code::kUnavailable,
             fmt::format("the signing core is not running: {}", State().reason)));
}

CoreState CoreSupervisor::State() const {
  const MutexLock lock(mutex_);
  return state_;
}

std::size_t CoreSupervisor::in_flight() const {
  const std::shared_ptr<CoreLink> link = Link();
  return link ? link->in_flight() : 0;
}

bool CoreSupervisor::WaitUntilReady(Deadline deadline) {
  const MutexLock lock(mutex_);
  for (;;) {
    if (state_.phase == CoreState::Phase::kReady) return true;
    if (state_.phase == CoreState::Phase::kRefused || state_.phase == CoreState::Phase::kStopped)
      return false;
    if (!changed_.WaitUntil(mutex_, deadline)) return state_.phase == CoreState::Phase::kReady;
  }
}

void CoreSupervisor::SetPhase(CoreState::Phase phase, std::string reason) {
  const MutexLock lock(mutex_);
  state_.phase = phase;
  state_.reason = std::move(reason);
  changed_.NotifyAll();
}

void CoreSupervisor::Run() {
  milliseconds back_off = options_.shortest_back_off;
  bool first = true;
  for (;;) {
    CoreLauncher* launcher = nullptr;
    {
      const MutexLock lock(mutex_);
      if (stopping_) break;
      if (next_launcher_) launcher_ = std::move(next_launcher_);
      launcher = launcher_.get();
      retry_ = false;
      if (!std::exchange(first, false)) ++state_.restarts;
    }
    SetPhase(CoreState::Phase::kStarting, "the signing core is starting");
    const Deadline started = steady_clock::now();
    Result<std::unique_ptr<CoreProcess>> process = launcher->Launch();
    std::string reason;
    std::optional<std::string> lasting;
    if (process.ok()) {
      const ProcessEnd end = Supervise(**process);
      reason = fmt::format("the signing core ended with {}", end.Describe());
      if (options_.lasting_reason) lasting = options_.lasting_reason(end);
    } else {
      reason = process.error().message();
    }

    const MutexLock lock(mutex_);
    state_.pid = 0;
    if (stopping_) break;
    if (steady_clock::now() - started >= options_.settled) back_off = options_.shortest_back_off;
    if (lasting) {
      spdlog::error("the signing core is not started again: {}", *lasting);
      state_.phase = CoreState::Phase::kRefused;
      state_.reason = *lasting;
    } else {
      spdlog::warn("{}; starting it again in {} ms", reason, back_off.count());
      state_.phase = CoreState::Phase::kWaiting;
      state_.reason = reason + "; it is being started again";
    }
    changed_.NotifyAll();
    const Deadline again = steady_clock::now() + back_off;
    while (!stopping_ && !retry_) {
      if (lasting) {
        changed_.Wait(mutex_);
      } else if (!changed_.WaitUntil(mutex_, again)) {
        break;
      }
    }
    back_off =
        retry_ ? options_.shortest_back_off : std::min(back_off * 2, options_.longest_back_off);
  }
  SetPhase(CoreState::Phase::kStopped, "the signing core was stopped");
}

ProcessEnd CoreSupervisor::Supervise(CoreProcess& process) {
  {
    const MutexLock lock(mutex_);
    link_broken_ = false;
    state_.pid = process.pid();
  }
  auto link = std::make_shared<CoreLink>(process.TakeSocket(), [this] {
    const MutexLock lock(mutex_);
    link_broken_ = true;
    changed_.NotifyAll();
  });
  // The first answer says that the core can serve; until then nobody else is sent to it.
  v1::CoreRequest hello;
  hello.mutable_status();
  link->Call(std::move(hello), steady_clock::now() + kFirstAnswer,
             [this, weak = std::weak_ptr<CoreLink>(link)](const Result<v1::CoreResponse>& answer) {
               {
                 const MutexLock lock(mutex_);
                 std::shared_ptr<CoreLink> self = weak.lock();
                 if (!self || stopping_) return;
                 if (!answer.ok()) {
                   self->Close();
                   return;
                 }
                 link_ = std::move(self);
                 state_.phase = CoreState::Phase::kReady;
                 state_.reason.clear();
                 changed_.NotifyAll();
               }
               if (on_ready_) on_ready_();
             });
  {
    const MutexLock lock(mutex_);
    while (!link_broken_) {
      if (stopping_) link->Close();
      changed_.Wait(mutex_);
    }
    link_.reset();
    if (state_.phase == CoreState::Phase::kReady) {
      state_.phase = CoreState::Phase::kWaiting;
      state_.reason = "the signing core stopped; it is being started again";
    }
  }
  if (!process.WaitFor(options_.stop_grace)) process.Kill();
  return process.Wait();
}

}  // namespace twinseal::service
