#include "agent/daemon/ledger_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/etcd/room.h"

namespace twinseal::agent {
namespace {

using std::chrono::seconds;

// An election takes a second or two, and is no alarm.
constexpr seconds kLeaderlessIsAlarm{3};
// A quorum's round trip each.
constexpr seconds kLookBackEvery{5};
constexpr seconds kAskAlarmsEvery{30};
// After an attempt, for the target to take over.
constexpr seconds kHandOnEvery{5};
// While leadership is on its way to one that does not take it, the ledger accepts no changes: such
// a one is not asked again soon.
constexpr seconds kDeclinedFor{60};
constexpr std::chrono::hours kTidyUpEvery{1};
// Looking for room in a ledger that is full is work; when it does not help, an operator has to.
constexpr seconds kMakeRoomEvery{60};
// Less is not worth the pause.
constexpr std::uint64_t kWorthTidying = std::uint64_t{16} << 20U;
// Of the quota: there is time to do something before changes are refused.
constexpr std::uint64_t kQuotaAlarmPercent = 60;

std::uint64_t Mebibytes(std::uint64_t bytes) { return bytes >> 20U; }

}  // namespace

LedgerWatch::LedgerWatch(LedgerWatchOptions options, etcd::Member& member, AlarmBoard& alarms,
                         WallClock clock, std::function<std::vector<std::string>()> successors)
    : options_(std::move(options)),
      member_(member),
      alarms_(alarms),
      clock_(std::move(clock)),
      successors_(std::move(successors)),
      guard_(options_.seen) {
  sight_.reason = "the ledger's member starts";
  sight_.last_leader = options_.last_leader;
  sight_.last_failover = options_.last_failover;
  sight_.seen = options_.seen;
}

LedgerWatch::~LedgerWatch() { Stop(); }

void LedgerWatch::Use(std::shared_ptr<etcd::Gateway> gateway) {
  const MutexLock lock(mutex_);
  gateway_ = std::move(gateway);
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Run(); });
}

void LedgerWatch::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

LedgerSight LedgerWatch::sight() const {
  const MutexLock lock(mutex_);
  return sight_;
}

bool LedgerWatch::WaitFor(const std::function<bool(const LedgerSight&)>& wanted,
                          Clock::time_point deadline) const {
  const MutexLock lock(mutex_);
  while (!wanted(sight_)) {
    if (stopping_ || Clock::now() >= deadline) return false;
    changed_.WaitUntil(mutex_, deadline);
  }
  return true;
}

void LedgerWatch::Run() {
  Clock::time_point next = Clock::now();
  do {
    Look();
    next = std::max(next + options_.every, Clock::now());
  } while (PauseUntil(next));
}

bool LedgerWatch::PauseUntil(Clock::time_point time) {
  const MutexLock lock(mutex_);
  while (!stopping_ && Clock::now() < time) changed_.WaitUntil(mutex_, time);
  return !stopping_;
}

bool LedgerWatch::Due(std::optional<Clock::time_point>& last, Clock::duration every) {
  const Clock::time_point now = Clock::now();
  if (last.has_value() && now - *last < every) return false;
  last = now;
  return true;
}

void LedgerWatch::Change(const std::function<void(LedgerSight&)>& change) {
  const MutexLock lock(mutex_);
  change(sight_);
  changed_.NotifyAll();
}

std::shared_ptr<etcd::Gateway> LedgerWatch::gateway() const {
  const MutexLock lock(mutex_);
  return gateway_;
}

void LedgerWatch::Look() {
  if (!guard_.Before().ok()) return;  // It has refused, once and for all.
  asked_ = gateway();
  const etcd::MemberState state = member_.State();
  LookAtMember(state);
  if (state.phase != etcd::MemberState::Phase::kServing) return;
  const Result<etcd::MemberStatus> status = etcd::StatusOf(*asked_);
  if (!status.ok()) return CannotSay(status.error().message(), true);
  // etcd 3.4 tells a learner nothing else.
  if (status->learner) return CannotSay("it is new and catches up, to get its vote then", false);
  const std::string leader = LeaderOf(*status);
  NoteStatus(*status, leader);
  TellLeader(leader.empty(), "too few of its members reach each other");
  LookAtRoom(*status);
  if (leader.empty()) return;
  if (Due(looked_back_, kLookBackEvery)) LookBack();
  if (Due(asked_alarms_, kAskAlarmsEvery)) LookAtAlarms();
  if (etcd::IsFull(*status) && Due(made_room_, kMakeRoomEvery)) MakeRoom(*status);
  if (status->leader_id == status->member_id) HandOn();
  if (status->leader_id != status->member_id && Due(tidied_, kTidyUpEvery)) TidyUp(*status);
}

void LedgerWatch::LookAtMember(const etcd::MemberState& state) {
  const bool serving = state.phase == etcd::MemberState::Phase::kServing;
  alarms_.Set(!serving && !state.reason.empty(), alarm::kLedgerMember, options_.own_name,
              fmt::format("this place's member of the ledger does not serve: {}", state.reason));
  alarms_.Set(!etcd::IsAdvisedRelease(state.version), alarm::kLedgerOldRelease, options_.own_name,
              fmt::format("the ledger's engine here is etcd {}, which has known defects; {} or "
                          "later is advised",
                          state.version, etcd::kAdvisedRelease));
  Change([&](LedgerSight& sight) { sight.engine = "etcd " + state.version; });
  if (!serving) CannotSay(state.reason.empty() ? "the ledger's member starts" : state.reason, true);
}

void LedgerWatch::CannotSay(const std::string& reason, bool leaderless) {
  Change([&](LedgerSight& sight) {
    sight.serving = false;
    sight.reason = reason;
    sight.leader.clear();
  });
  TellLeader(leaderless, reason);
}

void LedgerWatch::TellLeader(bool leaderless, const std::string& reason) {
  if (!leaderless) {
    leaderless_since_.reset();
    return alarms_.End(alarm::kLedgerNoLeader, options_.own_name);
  }
  if (!leaderless_since_.has_value()) leaderless_since_ = Clock::now();
  if (Clock::now() - *leaderless_since_ < kLeaderlessIsAlarm) return;
  alarms_.Raise(alarm::kLedgerNoLeader, options_.own_name,
                fmt::format("this place sees no leader of the ledger, and no change is accepted "
                            "where that is so: {}",
                            reason));
}

bool LedgerWatch::KnowNames(std::uint64_t leader_id) {
  if (names_.contains(leader_id)) return true;
  const Result<std::vector<etcd::ClusterMember>> members = etcd::Members(*asked_);
  if (!members.ok()) return false;
  names_.clear();
  for (const etcd::ClusterMember& member : *members) names_[member.id] = member.name;
  return names_.contains(leader_id);
}

std::string LedgerWatch::LeaderOf(const etcd::MemberStatus& status) {
  if (status.leader_id == 0 || !KnowNames(status.leader_id)) return "";
  return names_[status.leader_id];
}

void LedgerWatch::NoteStatus(const etcd::MemberStatus& status, const std::string& leader) {
  const std::string before = sight().last_leader;
  Change([&](LedgerSight& sight) {
    sight.serving = !leader.empty();
    sight.reason = leader.empty() ? "too few of the ledger's members reach each other" : "";
    sight.leader = leader;
    sight.revision = status.revision;
    sight.database_bytes = status.database_bytes;
    if (leader.empty() || leader == before) return;
    sight.last_leader = leader;
    if (!before.empty()) sight.last_failover = Failover(before, leader);
  });
  if (leader.empty() || leader == before) return;
  spdlog::info("the ledger's leader is {}{}", leader, before.empty() ? "" : ", after " + before);
}

v1::Failover LedgerWatch::Failover(const std::string& from, const std::string& to) const {
  v1::Failover failover;
  failover.set_time_unix_ms(clock_());
  failover.set_from(from);
  failover.set_to(to);
  return failover;
}

void LedgerWatch::LookBack() {
  const Result<ledger::Revision> at_least = guard_.Before();
  if (!at_least.ok()) return;
  const Result<etcd::ClusterRevision> now = etcd::CommittedRevision(*asked_);
  if (!now.ok()) return;  // Whether somebody leads is told elsewhere.
  const Status believed = guard_.Check(now->cluster_id, ledger::Revision{now->revision}, *at_least);
  if (!believed.ok()) return Refuse(believed.error());
  const ledger::Sighting seen = guard_.seen();
  Change([&](LedgerSight& sight) { sight.seen = seen; });
}

// A member that takes part in it would lend its vote to what is not the pair's ledger any more.
void LedgerWatch::Refuse(const Error& why) {
  alarms_.Raise(alarm::kLedgerRefused, options_.own_name,
                fmt::format("{}; this place takes no part in it until its folder or the other "
                            "places' are put right",
                            why.message()));
  member_.Stop();
  CannotSay(why.message(), false);
}

void LedgerWatch::LookAtAlarms() {
  const Result<std::vector<etcd::MemberAlarm>> told = etcd::Alarms(*asked_);
  if (!told.ok()) return;
  std::set<std::string> full;
  std::set<std::string> damaged;
  for (const etcd::MemberAlarm& one : *told) {
    KnowNames(one.member_id);
    (one.kind == etcd::AlarmKind::kNoSpace ? full : damaged).insert(names_[one.member_id]);
  }
  for (const auto& [id, name] : names_) {
    alarms_.Set(full.contains(name), alarm::kLedgerFull, name,
                "the ledger has reached its quota here and takes no changes; docs/recovery.md "
                "has the way out");
    alarms_.Set(damaged.contains(name), alarm::kLedgerDamaged, name,
                "the ledger's data here differ from the other members': let this place join the "
                "pair anew");
  }
}

void LedgerWatch::LookAtRoom(const etcd::MemberStatus& status) {
  const std::uint64_t percent =
      status.database_bytes * 100 / std::max<std::uint64_t>(options_.quota_bytes, 1);
  alarms_.Set(percent >= kQuotaAlarmPercent, alarm::kLedgerQuota, options_.own_name,
              fmt::format("the ledger fills {} MiB of the {} MiB that it may have, {} MiB of that "
                          "with what counts; at the quota it takes no changes any more",
                          Mebibytes(status.database_bytes), Mebibytes(options_.quota_bytes),
                          Mebibytes(status.database_used_bytes)));
}

void LedgerWatch::MakeRoom(const etcd::MemberStatus& status) {
  const Status made = etcd::MakeRoom(*asked_, status, options_.quota_bytes);
  if (made.ok()) {
    spdlog::info("the ledger has room again here");
  } else {
    spdlog::error("{}", made.error().message());
  }
}

// The witness is not where the work is: each change would cross the network twice.
void LedgerWatch::HandOn() {
  const std::vector<std::string> successors = successors_();
  if (successors.empty() || !Due(handed_on_, kHandOnEvery)) return;
  for (const std::string& successor : successors) {
    const auto found =
        std::ranges::find_if(names_, [&](const auto& entry) { return entry.second == successor; });
    if (found == names_.end()) continue;
    const auto declined = declined_.find(successor);
    if (declined != declined_.end() && Clock::now() - declined->second < kDeclinedFor) continue;
    const Status moved = etcd::MoveLeader(*asked_, found->first);
    if (moved.ok()) {
      spdlog::info("the ledger's leadership goes to {}", successor);
      return;
    }
    declined_[successor] = Clock::now();
    spdlog::warn("handing the ledger's leadership to {}: {}", successor, moved.error().message());
    return;
  }
}

void LedgerWatch::TidyUp(const etcd::MemberStatus& status) {
  if (status.database_bytes - std::min(status.database_used_bytes, status.database_bytes) <
      kWorthTidying) {
    return;
  }
  const Status tidied = etcd::Defragment(*asked_);
  if (!tidied.ok()) {
    spdlog::warn("giving unused room of the ledger back: {}", tidied.error().message());
    return;
  }
  spdlog::info(
      "the ledger's member has given unused room back; it had {} MiB, of which {} MiB "
      "counted",
      Mebibytes(status.database_bytes), Mebibytes(status.database_used_bytes));
}

}  // namespace twinseal::agent
