// What the ledger's cluster still has for a place that another one is to take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/etcd/cluster.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::service {

// Whether the others reach the member by this address ("192.0.2.1:2380").
bool IsAt(const etcd::ClusterMember& member, const std::string& peer_address);

// Whether nothing was let in yet; later, or when it is not known, what is at the place's address
// may be that.
enum class Attempt { kFirst, kAny };

// The ids of the member that votes under the place's name, and of the learners that an attempt to
// replace it has left: at an address that no other place has, and at its own before the first.
std::vector<std::uint64_t> LostMembers(const std::vector<etcd::ClusterMember>& members,
                                       const v1::Place& place, const v1::PairConfig& pair,
                                       Attempt attempt);

}  // namespace twinseal::service
