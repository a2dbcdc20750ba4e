// What a caller knows about its endpoints: which answer, which is nearest, how long what takes.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/https/transfer.h"

namespace twinseal::client {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

// Thread-safe. Time comes from outside.
class Health {
 public:
  Health(std::size_t endpoints, Time now);

  // Who is asked, and in which order.
  struct Plan {
    std::vector<std::size_t> order;
    // The first is asked although another is known to be good: it may be up again, or nearer. One
    // call is spent on that now and then, and it soon goes to the next as well.
    bool trial = false;
  };
  // For a call of `procedure`: those that are not known to be out of service, nearest first, then
  // the others. A trial only where `repeatable`, because two endpoints may then get the request.
  Plan Order(std::string_view procedure, bool repeatable, Time now) TWINSEAL_EXCLUDES(mutex_);

  // How long to wait for this endpoint's answer before another is asked too.
  Duration HedgeDelay(std::size_t endpoint, std::string_view procedure, bool trial) const
      TWINSEAL_EXCLUDES(mutex_);

  // It answered, whatever it said about the request.
  void Answered(std::size_t endpoint, std::string_view procedure, const https::Timing& timing,
                Time now) TWINSEAL_EXCLUDES(mutex_);
  // It answered that it cannot serve this procedure now (`unavailable`).
  void Refused(std::size_t endpoint, std::string_view procedure, const https::Timing& timing,
               Time now) TWINSEAL_EXCLUDES(mutex_);
  // It could not be reached, or broke the connection off.
  void Failed(std::size_t endpoint, Time now) TWINSEAL_EXCLUDES(mutex_);
  // It was asked at `started` and has not answered, and nobody waits for it any longer. `overdue`
  // when it had its hedge delay: it is then out of service unless somebody else heard from it
  // meanwhile.
  struct Silence {
    Time started;
    bool overdue;
    bool trial;
  };
  void Silent(std::size_t endpoint, std::string_view procedure, const https::Timing& timing,
              Silence silence, Time now) TWINSEAL_EXCLUDES(mutex_);

 private:
  // Whether something serves, and when it is tried again if it does not.
  struct Standing {
    unsigned failures = 0;
    Time retry_at;

    bool out() const { return failures > 0; }
    void Fail(Time now);
    void Delay(Time now);  // A retry is under way: the next one is later.
  };
  // A smoothed time and its smoothed deviation (RFC 6298 §2), in microseconds.
  struct Usual {
    double mean = 0;
    double deviation = 0;
    bool known = false;

    void Add(Duration sample);
  };
  // The shortest time of late.
  class Shortest {
   public:
    void Add(Duration sample, Time now);
    // Nothing before the first sample.
    std::optional<Duration> Get() const;

   private:
    std::optional<Duration> newest_;  // Of the samples since `since_`,
    std::optional<Duration> older_;   // and of those in as much time before.
    Time since_;
  };
  struct Procedure {
    Standing standing;
    Usual usual;
  };
  struct Endpoint {
    Standing standing;
    Time heard_at;    // The newest answer.
    Time explore_at;  // When it is tried although nothing is wrong with another.
    Shortest connecting;
    Shortest round_trip;
    std::map<std::string, Procedure, std::less<>> procedures;

    Procedure& Of(std::string_view procedure);
  };

  const Standing* OutFor(const Endpoint& endpoint, std::string_view procedure) const
      TWINSEAL_REQUIRES(mutex_);
  // Nothing when nothing is known.
  std::optional<Duration> LateAt(const Endpoint& endpoint, std::string_view procedure) const
      TWINSEAL_REQUIRES(mutex_);
  bool TrialDue(std::size_t endpoint, std::string_view procedure, bool quick, Time now)
      TWINSEAL_REQUIRES(mutex_);
  void Measure(std::size_t endpoint, const https::Timing& timing, Time now)
      TWINSEAL_REQUIRES(mutex_);
  bool ComesBefore(std::size_t later, std::size_t earlier) const TWINSEAL_REQUIRES(mutex_);
  void Heard(std::size_t endpoint, const https::Timing& timing, Time now) TWINSEAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Endpoint> endpoints_ TWINSEAL_GUARDED_BY(mutex_);
  // All endpoints, nearest first.
  std::vector<std::size_t> ranking_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::client
