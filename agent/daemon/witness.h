// The agent's part in one pair: its member of the ledger, and its look at the sites.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/certificate_desk.h"
#include "agent/daemon/ledger_watch.h"
#include "agent/daemon/member_folder.h"
#include "agent/daemon/options.h"
#include "agent/daemon/site_board.h"
#include "agent/daemon/site_watch.h"
#include "common/base/mutex.h"
#include "common/base/result.h"

namespace twinseal::agent {

// One thread starts, renews and stops it; any may ask how things are.
class Witness {
 public:
  // Looks at the sites from now on. `options` and `alarms` outlive it.
  Witness(const Options& options, const v1::WitnessState& state, AlarmBoard& alarms);
  ~Witness();  // As Stop().
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Of the record as it is now. Errors as of SiteIdentity.
  Status WatchSites(const v1::WitnessState& state);
  // Takes the certificates if it succeeds. Errors as of ChooseMemberFolder and etcd::Member::Start;
  // or internal.
  Status StartMember(const v1::WitnessState& state, PlaceCertificates& certificates);
  Status Renew(PlaceCertificates& certificates);
  // Now and then: removes what only was of use until the member served.
  void TidyUp();
  // Ends the member; if it leads, it hands that on.
  void Stop();

  bool member_started() const TWINSEAL_EXCLUDES(mutex_);
  LedgerSight ledger() const TWINSEAL_EXCLUDES(mutex_);
  std::uint64_t member_restarts() const TWINSEAL_EXCLUDES(mutex_);
  const SiteBoard& sites() const { return sites_; }
  std::uint64_t quota_bytes() const { return quota_bytes_; }
  // Writes down what has been seen.
  void Report(v1::WitnessState& state) const;

 private:
  // The member and the watch of the ledger through it.
  struct Ledger;

  std::shared_ptr<Ledger> started() const TWINSEAL_EXCLUDES(mutex_);

  const Options& options_;
  AlarmBoard& alarms_;
  const std::uint64_t quota_bytes_;
  const LedgerSight before_;  // What was noted by processes before this one.
  SiteBoard sites_;
  std::vector<std::unique_ptr<SiteWatch>> watches_;
  bool tidy_ = false;

  mutable Mutex mutex_;
  std::shared_ptr<Ledger> ledger_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::agent
