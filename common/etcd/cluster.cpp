#include "common/etcd/cluster.h"

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"

namespace twinseal::etcd {
namespace {

constexpr std::chrono::minutes kDefragmentTime{10};

ClusterMember MemberOf(const MemberRecord& record) {
  return {.id = record.id(),
          .name = record.name(),
          .peer_urls = {record.peerurls().begin(), record.peerurls().end()},
          .client_urls = {record.clienturls().begin(), record.clienturls().end()},
          .learner = record.islearner()};
}

AlarmKind KindOf(AlarmMember::AlarmType type) {
  switch (type) {
    case AlarmMember::NOSPACE:
      return AlarmKind::kNoSpace;
    case AlarmMember::CORRUPT:
      return AlarmKind::kCorrupt;
    default:
      return AlarmKind::kOther;
  }
}

AlarmMember::AlarmType TypeOf(AlarmKind kind) {
  switch (kind) {
    case AlarmKind::kNoSpace:
      return AlarmMember::NOSPACE;
    case AlarmKind::kCorrupt:
      return AlarmMember::CORRUPT;
    case AlarmKind::kOther:
      break;
  }
  return AlarmMember::NONE;
}

}  // namespace

Result<MemberStatus> StatusOf(Gateway& gateway, std::size_t endpoint, const Wait& wait) {
  StatusResponse status;
  TWINSEAL_RETURN_IF_ERROR(
      gateway.CallAt(endpoint, "Maintenance/Status", StatusRequest(), status, wait));
  return MemberStatus{
      .version = status.version(),
      .cluster_id = status.header().cluster_id(),
      .member_id = status.header().member_id(),
      .leader_id = status.leader(),
      .revision = static_cast<std::uint64_t>(status.header().revision()),
      .database_bytes = static_cast<std::uint64_t>(status.dbsize()),
      .database_used_bytes = static_cast<std::uint64_t>(status.dbsizeinuse()),
      .raft_index = status.raftindex(),
      .raft_applied_index = status.raftappliedindex(),
      .raft_term = status.raftterm(),
      .learner = status.islearner(),
      .errors = {status.errors().begin(), status.errors().end()},
  };
}

Result<ClusterRevision> CommittedRevision(Gateway& gateway) {
  RangeRequest request;
  request.set_key(std::string(1, '\0'));  // No key has this name.
  RangeResponse response;
  TWINSEAL_RETURN_IF_ERROR(gateway.Call("KV/Range", request, response));
  return ClusterRevision{response.header().cluster_id(),
                         static_cast<std::uint64_t>(response.header().revision())};
}

Result<std::vector<ClusterMember>> Members(Gateway& gateway) {
  MemberListResponse response;
  TWINSEAL_RETURN_IF_ERROR(gateway.Call("Cluster/MemberList", MemberListRequest(), response));
  std::vector<ClusterMember> members;
  for (const MemberRecord& record : response.members()) members.push_back(MemberOf(record));
  return members;
}

Status MoveLeader(Gateway& gateway, std::uint64_t target_id) {
  MoveLeaderRequest request;
  request.set_targetid(target_id);
  MoveLeaderResponse response;
  return gateway.Call("Maintenance/MoveLeader", request, response);
}

Result<ClusterMember> AddLearner(Gateway& gateway, const std::string& peer_address) {
  MemberAddRequest request;
  request.add_peerurls(PeerUrl(peer_address));
  request.set_islearner(true);
  MemberAddResponse response;
  TWINSEAL_RETURN_IF_ERROR(gateway.Call("Cluster/MemberAdd", request, response));
  return MemberOf(response.member());
}

Status Promote(Gateway& gateway, std::uint64_t member_id) {
  MemberPromoteRequest request;
  request.set_id(member_id);
  MemberPromoteResponse response;
  return gateway.Call("Cluster/MemberPromote", request, response);
}

Status RemoveMember(Gateway& gateway, std::uint64_t member_id) {
  MemberRemoveRequest request;
  request.set_id(member_id);
  MemberRemoveResponse response;
  return gateway.Call("Cluster/MemberRemove", request, response);
}

Status UpdateMember(Gateway& gateway, std::uint64_t member_id, const std::string& peer_address) {
  MemberUpdateRequest request;
  request.set_id(member_id);
  request.add_peerurls(PeerUrl(peer_address));
  MemberUpdateResponse response;
  return gateway.Call("Cluster/MemberUpdate", request, response);
}

Result<std::vector<MemberAlarm>> Alarms(Gateway& gateway) {
  AlarmRequest request;
  request.set_action(AlarmRequest::GET);
  AlarmResponse response;
  TWINSEAL_RETURN_IF_ERROR(gateway.Call("Maintenance/Alarm", request, response));
  std::vector<MemberAlarm> alarms;
  for (const AlarmMember& alarm : response.alarms())
    alarms.push_back({alarm.memberid(), KindOf(alarm.alarm())});
  return alarms;
}

Status Disarm(Gateway& gateway, const MemberAlarm& alarm) {
  AlarmRequest request;
  request.set_action(AlarmRequest::DEACTIVATE);
  request.set_memberid(alarm.member_id);
  request.set_alarm(TypeOf(alarm.kind));
  AlarmResponse response;
  return gateway.Call("Maintenance/Alarm", request, response);
}

Status Defragment(Gateway& gateway, std::size_t endpoint) {
  DefragmentResponse response;
  return gateway.CallAt(endpoint, "Maintenance/Defragment", DefragmentRequest(), response,
                        {.timeout = kDefragmentTime});
}

std::string PeerUrl(const std::string& peer_address) {
  return fmt::format("https://{}", peer_address);
}

}  // namespace twinseal::etcd
