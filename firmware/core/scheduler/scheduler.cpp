#include "firmware/core/scheduler/scheduler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "firmware/core/scheduler/answers.h"

namespace twinseal::core {

Scheduler::Scheduler(SchedulerOptions options, ExecutorFactory factory, AnswerSink& sink,
                     std::function<void()> on_hung)
    : options_(options),
      factory_(std::move(factory)),
      sink_(sink),
      on_hung_(std::move(on_hung)),
      queue_(options.queue) {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < options_.workers; ++i) StartWorker();
  watchdog_ = std::thread([this] { Watch(); });
}

Scheduler::~Scheduler() {
  std::vector<v1::CoreResponse> answers;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    RefuseWaiting(answers);
    CallWorkers(idle_.size());
    retry_.NotifyAll();
    watch_.NotifyAll();
  }
  Send(answers);
  // After the watchdog's end nothing starts or forgets workers.
  watchdog_.join();
  std::list<Worker> workers;
  {
    MutexLock lock(mutex_);
    workers.swap(workers_);
  }
  for (Worker& worker : workers) worker.thread.join();
}

void Scheduler::StartWorker() {
  Worker& worker = workers_.emplace_back();
  worker.thread = std::thread([this, &worker] { Work(worker); });
}

void Scheduler::CallWorkers(std::size_t count) {
  for (; count > 0 && !idle_.empty(); --count) {
    idle_.back()->called.NotifyOne();
    idle_.pop_back();
  }
}

void Scheduler::Submit(std::vector<JobPtr> jobs) {
  std::vector<v1::CoreResponse> refused;
  {
    MutexLock lock(mutex_);
    std::size_t taken = 0;
    Clock::time_point earliest = Clock::time_point::max();
    for (JobPtr& job : jobs) {
      const Clock::time_point deadline = job->deadline;
      const std::uint64_t number = job->request.number();
      if (out_of_service()) {
        refused.push_back(FailureAnswer(number, Unavailable()));
        continue;
      }
      if (const Status pushed = queue_.Push(job); !pushed.ok()) {
        refused.push_back(FailureAnswer(number, pushed.error()));
        continue;
      }
      ++taken;
      earliest = std::min(earliest, deadline);
    }
    unanswered_ += jobs.size();
    if (taken > 0) WakeWatchdogBefore(earliest);
    CallWorkers(taken);
  }
  Send(refused);
}

void Scheduler::Discard() {
  std::vector<v1::CoreResponse> answers;
  {
    MutexLock lock(mutex_);
    RefuseWaiting(answers);
  }
  Send(answers);
}

void Scheduler::Finish() {
  MutexLock lock(mutex_);
  while (unanswered_ > 0) settled_.Wait(mutex_);
}

SchedulerState Scheduler::state() const {
  MutexLock lock(mutex_);
  SchedulerState state;
  state.waiting = queue_.size();
  for (const Worker& worker : workers_) {
    if (worker.hung) {
      ++state.hung;
      continue;
    }
    if (worker.ready) ++state.ready;
    state.running += worker.running.size();
  }
  if (state.ready == 0) state.trouble = trouble_ ? trouble_->message() : "starting";
  return state;
}

void Scheduler::Work(Worker& worker) {
  {
    const std::unique_ptr<Executor> executor = factory_();
    bool going_on = true;
    // A worker that lost its session counts as ready until Equip has failed once: a session that is
    // at once made anew is not worth refusing requests for.
    while (going_on && Equip(worker, *executor)) {
      while (going_on && executor->healthy()) {
        going_on = Take(worker);
        if (going_on) RunTaken(worker, *executor);
      }
    }
  }
  MutexLock lock(mutex_);
  worker.ready = false;
  worker.ended = true;
  watch_.NotifyOne();
}

bool Scheduler::Equip(Worker& worker, Executor& executor) {
  Clock::duration wait = options_.first_retry;
  while (true) {
    {
      MutexLock lock(mutex_);
      if (stopping_ || worker.hung) return false;
      worker.equipping = true;
      worker.started = Clock::now();
      WakeWatchdogBefore(HungAt(worker));
    }
    const Status ensured = executor.Ensure();
    std::vector<v1::CoreResponse> answers;
    {
      MutexLock lock(mutex_);
      worker.equipping = false;
      if (worker.hung) return false;
      if (ensured.ok()) {
        worker.ready = true;
        trouble_.reset();
        return true;
      }
      worker.ready = false;
      trouble_ = ensured.error();
      if (out_of_service()) RefuseWaiting(answers);
    }
    Send(answers);
    MutexLock lock(mutex_);
    const Clock::time_point again = Clock::now() + wait;
    while (!stopping_ && retry_.WaitUntil(mutex_, again)) {
    }
    wait = std::min(2 * wait, options_.longest_retry);
  }
}

bool Scheduler::Take(Worker& worker) {
  MutexLock lock(mutex_);
  while (true) {
    if (worker.hung || stopping_) return false;
    if (JobPtr job = queue_.Pop(); job != nullptr) {
      worker.started = Clock::now();
      worker.running.push_back(std::move(job));
      worker.answered.assign(1, false);
      WakeWatchdogBefore(std::min(worker.running.front()->deadline, HungAt(worker)));
      return true;
    }
    idle_.push_back(&worker);
    while (std::ranges::find(idle_, &worker) != idle_.end()) worker.called.Wait(mutex_);
  }
}

std::vector<const Job*> Scheduler::Join(Worker& worker, std::size_t room) {
  std::vector<const Job*> joined;
  std::vector<v1::CoreResponse> expired;
  {
    MutexLock lock(mutex_);
    const Clock::time_point now = Clock::now();
    for (JobPtr& job : queue_.Join(*worker.running.front(), room)) {
      if (job->deadline <= now) {
        expired.push_back(FailureAnswer(job->request.number(), DeadlineExceeded()));
        continue;
      }
      joined.push_back(job.get());
      worker.running.push_back(std::move(job));
      worker.answered.push_back(false);
    }
  }
  Send(expired);
  return joined;
}

void Scheduler::RunTaken(Worker& worker, Executor& executor) {
  std::vector<v1::CoreResponse> responses;
  const Job* first = nullptr;
  bool expired = false;
  {
    MutexLock lock(mutex_);
    first = worker.running.front().get();
    expired = worker.answered.front() || first->deadline <= worker.started;
  }
  if (expired) {
    SetFailure(DeadlineExceeded(), responses.emplace_back());
  } else {
    try {
      executor.Run(
          *first, [&](std::size_t room) { return Join(worker, room); }, responses);
    } catch (const std::exception& exception) {
      responses.clear();
      SetFailure(
          Error(Code::kInternal, "the signing core could not do the request", exception.what()),
          responses.emplace_back());
    }
  }
  // Freed without the mutex.
  std::vector<JobPtr> done;
  {
    MutexLock lock(mutex_);
    const std::size_t last = responses.size();
    responses.resize(worker.running.size());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < worker.running.size(); ++i) {
      if (worker.answered[i]) continue;
      if (i >= last) {
        SetFailure(Error(Code::kInternal, "the signing core gave no answer to the request"),
                   responses[i]);
      }
      responses[i].set_number(worker.running[i]->request.number());
      if (kept != i) responses[kept].Swap(&responses[i]);
      ++kept;
    }
    responses.resize(kept);
    done.swap(worker.running);
  }
  Send(responses);
}

void Scheduler::Watch() {
  while (true) {
    std::vector<v1::CoreResponse> answers;
    std::list<Worker> ended;
    bool give_up = false;
    {
      MutexLock lock(mutex_);
      if (stopping_) return;
      const Clock::time_point now = Clock::now();
      AnswerExpired(now, answers);
      const bool had_failed = failed_;
      ReplaceHung(now, answers);
      ended = TakeEnded();
      give_up = failed_ && !had_failed;
      next_wake_ = NextWake();
      if (answers.empty() && ended.empty() && !give_up) {
        if (next_wake_ == Clock::time_point::max()) {
          watch_.Wait(mutex_);
        } else {
          (void)watch_.WaitUntil(mutex_, next_wake_);
        }
        continue;
      }
    }
    Send(answers);
    for (Worker& worker : ended) worker.thread.join();
    if (give_up) on_hung_();
  }
}

void Scheduler::AnswerExpired(Clock::time_point now, std::vector<v1::CoreResponse>& answers) {
  for (const JobPtr& job : queue_.RemoveExpired(now)) {
    answers.push_back(FailureAnswer(job->request.number(), DeadlineExceeded()));
  }
  for (Worker& worker : workers_) {
    for (std::size_t i = 0; i < worker.running.size(); ++i) {
      if (worker.answered[i] || worker.running[i]->deadline > now) continue;
      worker.answered[i] = true;
      answers.push_back(FailureAnswer(worker.running[i]->request.number(), DeadlineExceeded()));
    }
  }
}

void Scheduler::ReplaceHung(Clock::time_point now, std::vector<v1::CoreResponse>& answers) {
  std::size_t hung = 0;
  std::size_t fresh = 0;
  for (Worker& worker : workers_) {
    if (!worker.hung && HungAt(worker) <= now) {
      worker.hung = true;
      worker.ready = false;
      ++fresh;
    }
    if (worker.hung && !worker.ended) ++hung;
  }
  if (failed_ || fresh == 0) return;
  if (hung <= options_.replacements) {
    for (; fresh > 0; --fresh) StartWorker();
    return;
  }
  failed_ = true;
  trouble_ = Error(
      Code::kUnavailable,
      "the HSM does not answer: too many of its calls never came back, so the signing core is "
      "being started again");
  for (Worker& worker : workers_) {
    for (std::size_t i = 0; i < worker.running.size(); ++i) {
      if (worker.answered[i]) continue;
      worker.answered[i] = true;
      answers.push_back(FailureAnswer(worker.running[i]->request.number(), Unavailable()));
    }
  }
  RefuseWaiting(answers);
}

std::list<Scheduler::Worker> Scheduler::TakeEnded() {
  std::list<Worker> ended;
  for (auto worker = workers_.begin(); worker != workers_.end();) {
    const auto next = std::next(worker);
    if (worker->hung && worker->ended) ended.splice(ended.end(), workers_, worker);
    worker = next;
  }
  return ended;
}

Clock::time_point Scheduler::NextWake() const {
  Clock::time_point wake = queue_.EarliestDeadline().value_or(Clock::time_point::max());
  for (const Worker& worker : workers_) {
    for (std::size_t i = 0; i < worker.running.size(); ++i) {
      if (!worker.answered[i]) wake = std::min(wake, worker.running[i]->deadline);
    }
    if (!worker.hung) wake = std::min(wake, HungAt(worker));
  }
  return wake;
}

Clock::time_point Scheduler::HungAt(const Worker& worker) const {
  if (worker.equipping) return worker.started + options_.equip_patience;
  if (worker.running.empty()) return Clock::time_point::max();
  const Job& first = *worker.running.front();
  return std::min(worker.started + first.patience,
                  std::max(first.deadline, worker.started + options_.hang_grace));
}

void Scheduler::WakeWatchdogBefore(Clock::time_point when) {
  if (when >= next_wake_) return;
  next_wake_ = when;
  watch_.NotifyOne();
}

void Scheduler::RefuseWaiting(std::vector<v1::CoreResponse>& answers) {
  for (const JobPtr& job : queue_.Clear()) {
    answers.push_back(FailureAnswer(job->request.number(), Unavailable()));
  }
}

Error Scheduler::Unavailable() const {
  return Error(
      Code::kUnavailable,
      trouble_ ? trouble_->message() : "the signing core is stopping; ask again in a moment",
      trouble_ ? trouble_->origin() : "");
}

bool Scheduler::out_of_service() const {
  return failed_ || stopping_ ||
         (trouble_ &&
          std::ranges::none_of(workers_, [](const Worker& worker) { return worker.ready; }));
}

void Scheduler::Send(std::span<const v1::CoreResponse> answers) {
  if (answers.empty()) return;
  sink_.Answer(answers);
  MutexLock lock(mutex_);
  unanswered_ -= answers.size();
  if (unanswered_ == 0) settled_.NotifyAll();
}

}  // namespace twinseal::core
