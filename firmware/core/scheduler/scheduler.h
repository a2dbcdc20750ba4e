// Hands waiting requests to a fixed number of workers and sees to it that each is answered exactly
// once, in time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "firmware/core/scheduler/executor.h"
#include "firmware/core/scheduler/fair_queue.h"
#include "firmware/core/scheduler/job.h"

namespace twinseal::core {

struct SchedulerOptions {
  std::size_t workers = 2;
  QueueLimits queue;
  // A call that is past its request's deadline counts as hung only when it has taken this long as
  // well: a short deadline alone says nothing about the HSM.
  Clock::duration hang_grace = std::chrono::seconds(1);
  // How many hung workers are replaced at the same time. Each holds a thread and an HSM session for
  // as long as its call does not come back, so with the last of them the process is better started
  // anew.
  std::size_t replacements = 4;
  // How long making an executor ready (a session, a login) may take before it counts as hung.
  Clock::duration equip_patience = std::chrono::seconds(30);
  // Between attempts to make an executor ready; doubled up to the longest.
  Clock::duration first_retry = std::chrono::milliseconds(50);
  Clock::duration longest_retry = std::chrono::seconds(5);
};

struct SchedulerState {
  std::size_t waiting = 0;
  std::size_t running = 0;
  std::size_t ready = 0;  // Workers whose executor is ready and that are not hung.
  std::size_t hung = 0;
  std::string trouble;  // Why no worker is ready; empty when one is.
};

// Each worker is a thread with an executor of its own. A watchdog thread answers requests whose
// deadline passes, waiting or running, and replaces workers whose HSM call hangs. While no worker
// has an executor, requests are answered `unavailable` at once and the executors are tried again in
// the background.
//
// Submit, Finish and state may be called from any thread. `sink` must outlive the scheduler.
class Scheduler {
 public:
  // `on_hung` is called once, from the watchdog's thread, when more workers hang than are replaced;
  // all requests have been answered by then. It ends the process: threads inside the HSM's module
  // cannot be taken back.
  Scheduler(SchedulerOptions options, ExecutorFactory factory, AnswerSink& sink,
            std::function<void()> on_hung);
  // Waits for every worker's thread, hung ones too. Requests that still wait are answered
  // `unavailable`.
  ~Scheduler();

  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Takes the requests in. Those that the queue has no room for are answered resource_exhausted
  // before it returns.
  void Submit(std::vector<JobPtr> jobs);

  // Answers `unavailable` to all that waits: nobody is there to have the answers. What runs goes
  // on.
  void Discard();

  // Waits until all that was taken in is answered, which is at the latest deadline. Nothing may be
  // submitted then.
  void Finish();

  SchedulerState state() const;

 private:
  struct Worker {
    std::thread thread;
    Clock::time_point started;  // Of what runs, or of making the executor ready.
    // What runs, the first job first. Owned by the worker; guarded by mutex_.
    std::vector<JobPtr> running;
    std::vector<bool> answered;  // By the watchdog, one for each of `running`.
    bool equipping = false;      // Is making its executor ready.
    bool ready = false;          // Its executor is ready.
    bool hung = false;           // Was replaced; its thread ends when the call comes back.
    bool ended = false;          // Its thread may be joined without waiting.
    Condition called;            // It was taken out of idle_, or the scheduler stops.
  };

  void StartWorker() TWINSEAL_REQUIRES(mutex_);
  void CallWorkers(std::size_t count) TWINSEAL_REQUIRES(mutex_);
  void Work(Worker& worker);
  // Makes the executor ready, trying until it is. False when the scheduler stops or the worker was
  // replaced.
  bool Equip(Worker& worker, Executor& executor);
  // Waits for a job. False when the scheduler stops.
  bool Take(Worker& worker);
  void RunTaken(Worker& worker, Executor& executor);
  std::vector<const Job*> Join(Worker& worker, std::size_t room);

  void Watch();
  // What the watchdog does when it wakes. Answers are appended to `answers`, to be sent without the
  // mutex.
  void AnswerExpired(Clock::time_point now, std::vector<v1::CoreResponse>& answers)
      TWINSEAL_REQUIRES(mutex_);
  void ReplaceHung(Clock::time_point now, std::vector<v1::CoreResponse>& answers)
      TWINSEAL_REQUIRES(mutex_);
  // Replaced workers whose call came back after all; their threads are to be joined without the
  // mutex.
  std::list<Worker> TakeEnded() TWINSEAL_REQUIRES(mutex_);
  Clock::time_point NextWake() const TWINSEAL_REQUIRES(mutex_);
  // When what the worker does counts as hung; never, when it does nothing.
  Clock::time_point HungAt(const Worker& worker) const TWINSEAL_REQUIRES(mutex_);
  void WakeWatchdogBefore(Clock::time_point when) TWINSEAL_REQUIRES(mutex_);

  // Takes all that waits out of the queue and appends an `unavailable` answer for each.
  void RefuseWaiting(std::vector<v1::CoreResponse>& answers) TWINSEAL_REQUIRES(mutex_);
  Error Unavailable() const TWINSEAL_REQUIRES(mutex_);
  // Whether no worker has a ready executor and at least one has failed to make it ready.
  bool out_of_service() const TWINSEAL_REQUIRES(mutex_);
  void Send(std::span<const v1::CoreResponse> answers);

  const SchedulerOptions options_;
  const ExecutorFactory factory_;
  AnswerSink& sink_;
  const std::function<void()> on_hung_;

  mutable Mutex mutex_;
  Condition retry_;    // The scheduler stops.
  Condition watch_;    // The watchdog has to look earlier than it thought, or the scheduler stops.
  Condition settled_;  // A request was answered.
  FairQueue queue_ TWINSEAL_GUARDED_BY(mutex_);
  std::list<Worker> workers_ TWINSEAL_GUARDED_BY(mutex_);
  // Those that wait for work. The last one came last and is called first: its caches are warm.
  std::vector<Worker*> idle_ TWINSEAL_GUARDED_BY(mutex_);
  std::optional<Error> trouble_ TWINSEAL_GUARDED_BY(mutex_);
  Clock::time_point next_wake_ TWINSEAL_GUARDED_BY(mutex_) = Clock::time_point::max();
  std::size_t unanswered_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  bool failed_ TWINSEAL_GUARDED_BY(mutex_) = false;  // on_hung was or is about to be called.
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread watchdog_;
};

}  // namespace twinseal::core
