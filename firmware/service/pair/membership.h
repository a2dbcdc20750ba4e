// This site's part in the pair's ledger: its member of the cluster is kept running, and the ledger
// is opened as soon as the cluster has a majority.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/etcd/cluster.h"
#include "common/etcd/member.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "firmware/service/pair/late_ledger.h"
#include "firmware/service/pair/ledger_ca.h"
#include "firmware/service/pair/lost_members.h"
#include "firmware/service/pair/pair_file.h"

namespace twinseal::service {

struct MembershipOptions {
  std::string site;
  std::filesystem::path folder;  // etcd's.
  std::string etcd_program;
  std::string peer_listen;
  std::vector<std::string> names;  // Besides the host of the peer address, for its certificate.
  std::string proxy;
  std::chrono::milliseconds heartbeat{60};
  std::chrono::milliseconds election{300};
  std::uint64_t quota_bytes = std::uint64_t{8} << 30;
};

// Thread-safe. What it refers to outlives it; `may_start` is asked before the member is started,
// again as long as it says no; `opened` is called from its thread once the ledger is open, again
// after a pause as long as it fails; `waits` each time that it did not come so far, and why; `tend`
// every two seconds from then on.
class Membership {
 public:
  Membership(MembershipOptions options, PairFile& file, CoreSupervisor& core, LedgerCa& ledger_ca,
             LateLedger& ledger, std::function<Status()> may_start, std::function<Status()> opened,
             std::function<void(const std::string& why)> waits, std::function<void()> tend);
  ~Membership();  // As Stop().
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  void Start();
  // Ends the member, too: the ledger answers nothing any more.
  void Stop();

  // Ends the member alone: for a site that may not take part. From any thread.
  void StopMember() TWINSEAL_EXCLUDES(mutex_);

  // Nothing while the member was never started.
  std::optional<etcd::MemberState> member() const TWINSEAL_EXCLUDES(mutex_);
  // Asks this place's member; unavailable while there is none.
  Result<etcd::MemberStatus> AskMember() TWINSEAL_EXCLUDES(mutex_);
  Result<std::vector<etcd::ClusterMember>> Members() TWINSEAL_EXCLUDES(mutex_);
  // Hands the ledger's leadership to another member, if this place's has it.
  Status HandOn(const std::function<bool(const std::string& place)>& wanted);

  // The ids of the members that the place had before it is let in anew (LostMembers).
  Result<std::vector<std::uint64_t>> FindLost(const v1::Place& place, Attempt attempt);
  // Takes the members `lost` out of the cluster and lets one at this address in, which votes once
  // it has caught up. Repeatable, also when that one votes already. etcd refuses while its members
  // have not been connected to each other for five seconds; it is asked again until the deadline.
  Status ReplaceMembers(const std::vector<std::uint64_t>& lost, const std::string& peer_address,
                        Deadline deadline);

  // The host of the peer address, loopback and the names of the options.
  std::vector<std::string> Addresses() const;

 private:
  void Run();
  Status BringUp();
  Status StartMember(Deadline deadline);
  Status OpenLedger(Deadline deadline);
  Result<etcd::MemberTls> MakeTls(Deadline deadline);
  void Tend();
  // unavailable before the ledger is open.
  Result<std::shared_ptr<etcd::Gateway>> Gateway() const TWINSEAL_EXCLUDES(mutex_);
  void KeepSighting();
  void PromoteLearners();
  Status TryToReplaceMembers(const std::vector<std::uint64_t>& lost,
                             const std::string& peer_address);
  void KeepRoom();
  // False when it is to stop.
  bool Pause(std::chrono::milliseconds time) TWINSEAL_EXCLUDES(mutex_);

  const MembershipOptions options_;
  PairFile& file_;
  CoreSupervisor& core_;
  LedgerCa& ledger_ca_;
  LateLedger& ledger_;
  const std::function<Status()> may_start_;
  const std::function<Status()> opened_;
  const std::function<void(const std::string& why)> waits_;
  const std::function<void()> tend_;

  mutable Mutex mutex_;
  Condition stops_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<etcd::Member> member_ TWINSEAL_GUARDED_BY(mutex_);
  std::shared_ptr<etcd::Gateway> gateway_ TWINSEAL_GUARDED_BY(mutex_);
  // The thread's own.
  std::chrono::steady_clock::time_point renew_at_;
  std::chrono::steady_clock::time_point room_at_;
  std::thread thread_;
};

}  // namespace twinseal::service
