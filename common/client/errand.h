// One call on its way: which endpoints have it, who gets it next, whose answer counts.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/client/answer.h"
#include "common/client/health.h"
#include "common/connect/client_options.h"
#include "common/https/race.h"

namespace twinseal::client {

// What all errands of a caller have in common. What it refers to outlives them.
struct Errands {
  const std::vector<std::string>& endpoints;
  std::chrono::milliseconds connect_timeout;
  Health& health;
  const std::atomic<bool>& stopped;
};

struct Task {
  std::string_view path;
  const std::string& body;
  const connect::CallOptions& options;
};

// Used once, by the calling thread, which drives the race.
class Errand {
 public:
  Errand(const Errands& common, Task task, https::Race& race, const Health::Plan& plan);

  // The first answer that is not `unavailable`, or why there is none.
  Result<Answer> Run();

 private:
  // How the call fares at one endpoint.
  struct Way {
    explicit Way(std::size_t of) : endpoint(of) {}

    std::size_t endpoint;
    bool running = false;
    bool closed = false;  // It will not do, however often it is tried.
    bool trial = false;
    unsigned failures = 0;
    Time started;
    Time overdue;  // When it is late with its answer.
    Time ready;    // When it may be tried again.
    std::optional<Error> error;
  };

  Way* NextWay(Time now);
  // When there is something to do besides waiting for an answer.
  Time NextMoment() const;
  bool IsOpen(const Way& way) const;
  bool Hopeless() const;
  void Start(Way& way, Time now);
  // The call's result, when this is the end of it.
  std::optional<Result<Answer>> Judge(https::Race::Finish finish);
  void PutOff(Way& way, Error error, Time now);
  // Tells of those that have not answered, and ends them.
  void LeaveAll(Time now);
  Error TimeOver();
  Error Summary() const;

  const Errands& common_;
  const Task task_;
  https::Race& race_;
  std::vector<Way> ways_;  // In the order of the plan.
  const Time start_ = Clock::now();
  const Time deadline_;
  const Time persist_until_;
  std::size_t running_ = 0;
  Time next_at_;  // From when on a further endpoint may get it.
};

}  // namespace twinseal::client
