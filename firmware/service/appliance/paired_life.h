// What a paired appliance does besides: it takes part in the ledger, brings its own ledger into the
// pair's or waits until the other site has, and says when it may serve.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/connect/client_options.h"
#include "common/crypto/software_key.h"
#include "firmware/audit/audit_log.h"
#include "firmware/service/appliance/foundation.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "firmware/service/pair/maintenance.h"
#include "firmware/service/pair/membership.h"
#include "firmware/service/pair/pair_barrier.h"
#include "firmware/service/pair/site_archive.h"
#include "firmware/service/pair/site_lease.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

// Thread-safe. What it refers to outlives it; `files.late` is set.
class PairedLife {
 public:
  // `serving` is called once, from a thread of its own, when the site's view is the ledger's.
  PairedLife(const Options& options, Files& files, Foundation& foundation, CoreSupervisor& core,
             audit::AuditLog& audit, PairBarrier& barrier, std::function<void()> serving);

  // What can be done before the ledger is there: the domain's CAs and the records of their keys.
  Status Prepare();
  // Tells the core about those keys; again each time that one has started.
  void InstallOwnKeys();
  // A site whose place another appliance took stays as it is: it has no ledger and serves nothing.
  void Start();
  // What asks the other sites, and then the ledger.
  void Stop();

  // Meets the other sites as the pair's record has them now.
  Status FollowConfig();

  // Of the other sites, as they are known now; none after StopReading().
  journal::OtherArchives archives() const TWINSEAL_EXCLUDES(mutex_);
  // Ends what is being read from them.
  void StopReading() TWINSEAL_EXCLUDES(mutex_);

  // Why the site does not serve yet; empty when it does.
  std::string NotReady() const TWINSEAL_EXCLUDES(mutex_);
  Membership& membership() { return membership_; }
  SiteLease& lease() { return lease_; }
  PairBarrier& barrier() { return barrier_; }
  Maintenance& maintenance() { return maintenance_; }

 private:
  Status Opened();
  Status AskForMark() TWINSEAL_EXCLUDES(meeting_);
  Status ProveFiles();
  Status Refuse(const Error& why);
  void RenewMark();
  Status MoveLedger();
  Status AwaitMove();
  Status MakeAuditKey();
  Status RecordJoining();
  Status MeetOthers();
  void AwaitLedger(const std::string& why) TWINSEAL_EXCLUDES(mutex_);
  Result<PairBarrier::Others> AskOthers() TWINSEAL_REQUIRES(meeting_);
  Status ReadOthersArchives() TWINSEAL_REQUIRES(meeting_);
  void SayNotReady(std::string why) TWINSEAL_EXCLUDES(mutex_);
  Status TakeLedgerAlong();
  void RemoveOwnLedger();
  Status MakeSiteIdentity() TWINSEAL_REQUIRES(meeting_);
  Result<std::map<std::string, connect::ClientOptions>> OtherSites() TWINSEAL_REQUIRES(meeting_);
  void Hear(const v1::PairConfig& newer) TWINSEAL_EXCLUDES(mutex_);
  Status TakeNewerConfig() TWINSEAL_EXCLUDES(mutex_);
  void FollowNewerConfig();

  const Options& options_;
  Files& files_;
  Foundation& foundation_;
  CoreSupervisor& core_;
  audit::AuditLog& audit_;
  PairBarrier& barrier_;
  const std::function<void()> serving_;
  // These are the membership's thread's own.
  bool following_ = false;
  bool met_ = false;
  bool proved_ = false;
  std::optional<Error> refused_;  // For the life of this process.
  std::chrono::steady_clock::time_point renew_mark_at_;

  std::optional<v1::PairConfig> heard_ TWINSEAL_GUARDED_BY(mutex_);
  Mutex meeting_;
  std::optional<crypto::SoftwareKey> site_key_ TWINSEAL_GUARDED_BY(meeting_);
  std::string site_certificate_ TWINSEAL_GUARDED_BY(meeting_);
  // Until the barrier has them: what they say of the pair is heard without the ledger, too.
  PairBarrier::Others asked_ TWINSEAL_GUARDED_BY(meeting_);

  mutable Mutex mutex_;
  std::vector<std::shared_ptr<SiteArchive>> archives_ TWINSEAL_GUARDED_BY(mutex_);
  std::string not_ready_ TWINSEAL_GUARDED_BY(mutex_) = "the pair's ledger is not reached yet";
  SiteLease lease_;
  Membership membership_;
  Maintenance maintenance_;
};

}  // namespace twinseal::service
