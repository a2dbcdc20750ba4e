// The way out of a quota that was reached: etcd then takes no changes until somebody makes room.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/etcd/cluster.h"
#include "common/etcd/gateway.h"

namespace twinseal::etcd {

// Whether the member that says this of itself has reached its quota.
bool IsFull(const MemberStatus& status);

// Asks the gateway's one member, which said that it is full: forgets what was overwritten, gives
// unused room back, and lets changes in again when there is enough. Up to a minute for each
// gigabyte, in which the member serves nothing. resource_exhausted, saying what to do, when what
// counts fills the quota. Blocks.
Status MakeRoom(Gateway& gateway, const MemberStatus& full, std::uint64_t quota_bytes);

}  // namespace twinseal::etcd
