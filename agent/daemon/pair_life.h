// The agent's life in a pair, from when `twinseal pair create` has made its files: certificates are
// fetched and renewed, the witness follows the pair's record, and what it sees is kept.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/certificate_desk.h"
#include "agent/daemon/health.h"
#include "agent/daemon/options.h"
#include "agent/daemon/server_certificate.h"
#include "agent/daemon/state_file.h"
#include "agent/daemon/witness.h"
#include "common/base/mutex.h"

namespace twinseal::agent {

class PairLife {
 public:
  // Begins at once, on a thread of its own. What it refers to outlives it.
  PairLife(const Options& options, AlarmBoard& alarms, Health& health,
           ServerCertificate& certificate);
  ~PairLife();  // As Stop().
  PairLife(const PairLife&) = delete;
  PairLife& operator=(const PairLife&) = delete;

  // Keeps what was seen and ends the member. Waits for a call to a site that is under way.
  void Stop() TWINSEAL_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  // Until the agent's files are there; false when it is to stop first.
  bool AwaitPairing();
  Status Begin();
  // False when the pair is another, or none any more.
  bool Tend();
  bool FollowRecord();
  void TakeNewerRecord();
  void GetCertificates();
  Result<PlaceCertificates> Ask();
  void UseCertificates();
  void TellReadiness(const Status& status);
  void CheckOwnCertificate();
  void Keep();
  // Once for as long as it stays the same.
  void Tell(const std::string& line);
  bool Pause(Clock::duration time) TWINSEAL_EXCLUDES(mutex_);

  const Options& options_;
  AlarmBoard& alarms_;
  Health& health_;
  ServerCertificate& certificate_;
  CertificateDesk desk_;

  // The thread's.
  std::unique_ptr<StateFile> file_;
  std::shared_ptr<Witness> witness_;
  v1::PairConfig followed_;
  Clock::time_point certificates_due_;
  Clock::duration retry_{};
  std::optional<PlaceCertificates> fresh_;  // Not in use yet.
  Clock::time_point use_due_;
  Clock::time_point keep_due_;
  Clock::time_point own_certificate_due_;
  std::string told_;

  Mutex mutex_;
  Condition stops_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::agent
