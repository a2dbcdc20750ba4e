// Keeps a signing core running: starts it, notices its end, starts it again with back-off, or says
// why not.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/core_link/core_link.h"
#include "firmware/service/core_link/core_process.h"

namespace twinseal::service {

struct SupervisorOptions {
  // Doubled after each end that came within `settled` of its start, up to the longest.
  std::chrono::milliseconds shortest_back_off{50};
  std::chrono::milliseconds longest_back_off{10'000};
  std::chrono::milliseconds settled{30'000};
  // For the core to finish what it does once its socket has been closed; after that it is killed.
  std::chrono::milliseconds stop_grace{5'000};
  // Says what a person has to do when the core ended in a way that starting it again would only
  // repeat ("the HSM refused the PIN; ..."); nothing when it is worth another try.
  std::function<std::optional<std::string>(const ProcessEnd&)> lasting_reason;
};

struct CoreState {
  enum class Phase : std::uint8_t {
    kStarting,  // Started; it has not answered yet.
    kReady,
    kWaiting,  // It ended; it will be started again.
    kRefused,  // It ended for a lasting reason; only Retry() starts it again.
    kStopped,
  };
  Phase phase = Phase::kStarting;
  std::string reason;  // In the user's words, unless ready.
  std::uint64_t restarts = 0;
  int pid = 0;  // 0 when none runs.
};

// Thread-safe. Calls go to the core that runs; between two cores they get `unavailable` at once.
class CoreSupervisor : public Core {
 public:
  // `on_ready` is called from the supervisor's thread each time that a core has begun to answer; it
  // must not block.
  CoreSupervisor(std::unique_ptr<CoreLauncher> launcher, SupervisorOptions options,
                 std::function<void()> on_ready = {});
  // As Stop().
  ~CoreSupervisor() override;

  CoreSupervisor(const CoreSupervisor&) = delete;
  CoreSupervisor& operator=(const CoreSupervisor&) = delete;

  void Start();
  // Closes the core's socket, waits until it has ended (it is killed after the grace) and joins the
  // thread.
  void Stop();

  // Starts the core again now, with what `launcher` gives from now on: after a new PIN was
  // provided. Null keeps the launcher. Without effect while a core runs.
  void Retry(std::unique_ptr<CoreLauncher> launcher = nullptr);

  void Call(v1::CoreRequest request, Deadline deadline, Callback done) override;

  CoreState State() const;
  // Requests that wait for an answer.
  std::size_t in_flight() const;
  // False when the core is not ready by then, or when only Retry() would start it.
  bool WaitUntilReady(Deadline deadline);

 private:
  void Run();
  // From a core's start to its end.
  ProcessEnd Supervise(CoreProcess& process);
  void SetPhase(CoreState::Phase phase, std::string reason);
  std::shared_ptr<CoreLink> Link() const;

  const SupervisorOptions options_;
  const std::function<void()> on_ready_;

  mutable Mutex mutex_;
  Condition changed_;
  std::unique_ptr<CoreLauncher> launcher_ TWINSEAL_GUARDED_BY(mutex_);
  std::unique_ptr<CoreLauncher> next_launcher_ TWINSEAL_GUARDED_BY(mutex_);
  std::shared_ptr<CoreLink> link_ TWINSEAL_GUARDED_BY(mutex_);
  CoreState state_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool retry_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool link_broken_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::service
