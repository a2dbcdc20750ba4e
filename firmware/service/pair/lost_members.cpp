#include "firmware/service/pair/lost_members.h"

#include <algorithm>

namespace twinseal::service {

bool IsAt(const etcd::ClusterMember& member, const std::string& peer_address) {
  return std::ranges::count(member.peer_urls, etcd::PeerUrl(peer_address)) > 0;
}

std::vector<std::uint64_t> LostMembers(const std::vector<etcd::ClusterMember>& members,
                                       const v1::Place& place, const v1::PairConfig& pair,
                                       Attempt attempt) {
  std::vector<std::uint64_t> lost;
  for (const etcd::ClusterMember& member : members) {
    const bool of_the_pair = std::ranges::any_of(pair.places(), [&](const v1::Place& one) {
      return one.name() != place.name() && IsAt(member, one.peer());
    });
    const bool is_there = IsAt(member, place.peer());
    const bool left_behind = is_there ? attempt == Attempt::kFirst : !of_the_pair;
    if (member.learner ? left_behind : member.name == place.name()) lost.push_back(member.id);
  }
  return lost;
}

}  // namespace twinseal::service
