// What the scheduler needs from whoever does the work, and from whoever carries the answers away.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "firmware/core/scheduler/job.h"

namespace twinseal::core {

// Further requests for the key version of the one that is being done, together at most `room`
// signatures. Called at most once in a Run. The jobs live until that Run returns.
using Joiner = std::function<std::vector<const Job*>(std::size_t room)>;

// One worker's hands: an HSM session and what goes with it. Made, used and destroyed on that
// worker's thread.
class Executor {
 public:
  virtual ~Executor() = default;

  // Makes it ready for work. Asked before the first Run, and again, with back-off while it fails,
  // once healthy() says no. An error is what requests are told meanwhile.
  virtual Status Ensure() = 0;
  // False when Ensure has to be asked before the next Run.
  virtual bool healthy() const = 0;

  // Does `first`, and with it what `join` gives. Appends one response for each: that of `first`,
  // then those that joined in their order. The scheduler fills in their numbers.
  virtual void Run(const Job& first, const Joiner& join,
                   std::vector<v1::CoreResponse>& responses) = 0;
};

// Called once on each worker's thread.
using ExecutorFactory = std::function<std::unique_ptr<Executor>()>;

// Where answers go. Called from any thread; must not wait for the peer.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void Answer(std::span<const v1::CoreResponse> responses) = 0;
};

}  // namespace twinseal::core
