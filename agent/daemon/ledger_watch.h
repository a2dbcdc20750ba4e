// The ledger as this place's member sees it: who leads, how far it is, how full; and what the
// witness does for it: it hands leadership to a site, and tidies its own member up.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/daemon/alarm_board.h"
#include "common/base/mutex.h"
#include "common/etcd/cluster.h"
#include "common/etcd/gateway.h"
#include "common/etcd/member.h"
#include "common/ledger/cluster_guard.h"
#include "twinseal/v1/agent.pb.h"

namespace twinseal::agent {

struct LedgerSight {
  bool serving = false;  // The own member answers, and somebody leads.
  std::string reason;    // Why not, in the user's words.
  std::string engine;    // "etcd 3.4.23"
  std::string leader;    // A place's name; empty when there is none.
  std::uint64_t revision = 0;
  std::uint64_t database_bytes = 0;
  std::optional<v1::Failover> last_failover;
  std::string last_leader;  // Also while there is none.
  ledger::Sighting seen;
};

struct LedgerWatchOptions {
  std::string own_name;
  std::uint64_t quota_bytes = 0;
  ledger::Sighting seen;  // By processes before this one.
  std::string last_leader;
  std::optional<v1::Failover> last_failover;
  std::chrono::milliseconds every{1'000};
};

// Thread-safe.
class LedgerWatch {
 public:
  // `member` and `alarms` outlive it. `successors` names those that may lead, the best first.
  LedgerWatch(LedgerWatchOptions options, etcd::Member& member, AlarmBoard& alarms, WallClock clock,
              std::function<std::vector<std::string>()> successors);
  ~LedgerWatch();  // As Stop().
  LedgerWatch(const LedgerWatch&) = delete;
  LedgerWatch& operator=(const LedgerWatch&) = delete;

  // How the member is asked from now on; its first call begins the watch.
  void Use(std::shared_ptr<etcd::Gateway> gateway) TWINSEAL_EXCLUDES(mutex_);
  // Waits for the look under way.
  void Stop() TWINSEAL_EXCLUDES(mutex_);

  LedgerSight sight() const TWINSEAL_EXCLUDES(mutex_);
  // Until the sight is as wanted; false when it is not by then. For whoever waits for the start.
  bool WaitFor(const std::function<bool(const LedgerSight&)>& wanted,
               std::chrono::steady_clock::time_point deadline) const TWINSEAL_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  void Look();
  void LookAtMember(const etcd::MemberState& state);
  bool KnowNames(std::uint64_t leader_id);
  std::string LeaderOf(const etcd::MemberStatus& status);
  v1::Failover Failover(const std::string& from, const std::string& to) const;
  void NoteStatus(const etcd::MemberStatus& status, const std::string& leader);
  void LookBack();
  void LookAtAlarms();
  void LookAtRoom(const etcd::MemberStatus& status);
  void MakeRoom(const etcd::MemberStatus& status);
  void HandOn();
  void TidyUp(const etcd::MemberStatus& status);
  void Refuse(const Error& why);
  void CannotSay(const std::string& reason, bool leaderless);
  void TellLeader(bool leaderless, const std::string& reason);
  // Once in that time.
  static bool Due(std::optional<Clock::time_point>& last, Clock::duration every);
  bool PauseUntil(Clock::time_point time) TWINSEAL_EXCLUDES(mutex_);
  void Change(const std::function<void(LedgerSight&)>& change) TWINSEAL_EXCLUDES(mutex_);
  std::shared_ptr<etcd::Gateway> gateway() const TWINSEAL_EXCLUDES(mutex_);

  const LedgerWatchOptions options_;
  etcd::Member& member_;
  AlarmBoard& alarms_;
  const WallClock clock_;
  const std::function<std::vector<std::string>()> successors_;

  // The thread's.
  ledger::ClusterGuard guard_;
  std::map<std::uint64_t, std::string> names_;
  std::optional<Clock::time_point> leaderless_since_;
  std::optional<Clock::time_point> looked_back_;
  std::optional<Clock::time_point> asked_alarms_;
  std::optional<Clock::time_point> handed_on_;
  std::map<std::string, Clock::time_point> declined_;
  std::optional<Clock::time_point> tidied_;
  std::optional<Clock::time_point> made_room_;
  std::shared_ptr<etcd::Gateway> asked_;  // As long as a look takes.

  mutable Mutex mutex_;
  mutable Condition changed_;
  std::shared_ptr<etcd::Gateway> gateway_ TWINSEAL_GUARDED_BY(mutex_);
  LedgerSight sight_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::agent
