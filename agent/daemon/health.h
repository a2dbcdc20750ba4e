// What the agent answers: how the pair is, whether the agent does its work, figures for monitoring.
#pragma once

#include <memory>
#include <string>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/witness.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "twinseal/v1/agent.pb.h"

namespace twinseal::agent {

// Thread-safe; nothing of it blocks for long.
class Health {
 public:
  // `alarms` outlives it.
  Health(std::string name, std::string version, const AlarmBoard& alarms)
      : name_(std::move(name)), version_(std::move(version)), alarms_(alarms) {}

  // The pair that the agent belongs to; null while there is none, and then why.
  void Use(std::shared_ptr<const Witness> witness, std::string waits_for) TWINSEAL_EXCLUDES(mutex_);

  v1::GetPairHealthResponse Describe() const;
  // Whether the witness can vote; unavailable with the reason when not.
  Status Ready() const;
  // Prometheus' text format 0.0.4.
  std::string Metrics() const;

 private:
  std::shared_ptr<const Witness> witness() const TWINSEAL_EXCLUDES(mutex_);
  v1::PlaceHealth OwnHealth() const;

  const std::string name_;
  const std::string version_;
  const AlarmBoard& alarms_;
  mutable Mutex mutex_;
  std::shared_ptr<const Witness> witness_ TWINSEAL_GUARDED_BY(mutex_);
  std::string waits_for_ TWINSEAL_GUARDED_BY(mutex_) = "the agent starts";
};

}  // namespace twinseal::agent
