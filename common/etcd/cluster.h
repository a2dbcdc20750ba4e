// What is asked of a cluster of etcd beside its keys: its members, its leader, its alarms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/etcd/gateway.h"

namespace twinseal::etcd {

// As one member says of itself. It answers without a majority.
struct MemberStatus {
  std::string version;  // "3.4.23"
  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::uint64_t leader_id = 0;  // 0: it knows of none.
  std::uint64_t revision = 0;
  std::uint64_t database_bytes = 0;
  std::uint64_t database_used_bytes =
      0;  // Less than that after a compaction, until it is defragmented.
  std::uint64_t raft_index = 0;
  std::uint64_t raft_applied_index = 0;
  std::uint64_t raft_term = 0;
  bool learner = false;
  std::vector<std::string> errors;
};

struct ClusterMember {
  std::uint64_t id = 0;
  std::string name;  // Empty until it has joined.
  std::vector<std::string> peer_urls;
  std::vector<std::string> client_urls;
  bool learner = false;
};

enum class AlarmKind { kNoSpace, kCorrupt, kOther };

struct MemberAlarm {
  std::uint64_t member_id = 0;
  AlarmKind kind = AlarmKind::kOther;
};

// Each asks the gateway's members once, and blocks; errors as Gateway::Call has them.

// Of the gateway's endpoint of that number.
Result<MemberStatus> StatusOf(Gateway& gateway, std::size_t endpoint = 0, const Wait& wait = {});
// What the cluster has committed, as a majority knows it now.
struct ClusterRevision {
  std::uint64_t cluster_id = 0;
  std::uint64_t revision = 0;
};
Result<ClusterRevision> CommittedRevision(Gateway& gateway);
// As a majority knows them.
Result<std::vector<ClusterMember>> Members(Gateway& gateway);
// Only the leader's own endpoint takes it: the gateway is one of a leader.
Status MoveLeader(Gateway& gateway, std::uint64_t target_id);
// `peer_address` is "192.0.2.1:2380". The new member has no vote until it is promoted.
Result<ClusterMember> AddLearner(Gateway& gateway, const std::string& peer_address);
// failed_precondition while it is not yet level with the leader.
Status Promote(Gateway& gateway, std::uint64_t member_id);
// not_found when it is not there any more.
Status RemoveMember(Gateway& gateway, std::uint64_t member_id);
// The address by which the others dial it.
Status UpdateMember(Gateway& gateway, std::uint64_t member_id, const std::string& peer_address);
Result<std::vector<MemberAlarm>> Alarms(Gateway& gateway);
Status Disarm(Gateway& gateway, const MemberAlarm& alarm);
// Gives room back to the file system; the member serves nothing meanwhile. Up to a minute for each
// gigabyte, whatever the gateway's call_timeout.
Status Defragment(Gateway& gateway, std::size_t endpoint = 0);

// "https://192.0.2.1:2380", as members list it.
std::string PeerUrl(const std::string& peer_address);

}  // namespace twinseal::etcd
