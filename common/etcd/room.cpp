#include "common/etcd/room.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"

namespace twinseal::etcd {
namespace {

constexpr std::chrono::minutes kCompactTime{5};
// Of the quota: with less to spare it is full again at once.
constexpr std::uint64_t kEnoughPercent = 95;

Status Compact(Gateway& gateway, std::uint64_t revision) {
  CompactionRequest request;
  request.set_revision(static_cast<std::int64_t>(revision));
  request.set_physical(true);
  CompactionResponse response;
  const Status done = gateway.CallAt(0, "KV/Compact", request, response, {.timeout = kCompactTime});
  // Somebody else was first.
  return done.ok() || done.error().code() == Code::kOutOfRange ? Ok() : done;
}

}  // namespace

bool IsFull(const MemberStatus& status) {
  // "memberID:10276657743932975437 alarm:NOSPACE "
  const std::string own = fmt::format("memberID:{} alarm:NOSPACE", status.member_id);
  return std::ranges::any_of(status.errors, [&](const std::string& error) {
    return error.find(own) != std::string::npos;
  });
}

Status MakeRoom(Gateway& gateway, const MemberStatus& full, std::uint64_t quota_bytes) {
  TWINSEAL_RETURN_IF_ERROR(Compact(gateway, full.revision));
  TWINSEAL_RETURN_IF_ERROR(Defragment(gateway));
  TWINSEAL_ASSIGN_OR_RETURN(const MemberStatus now, StatusOf(gateway));
  if (now.database_bytes > quota_bytes / 100 * kEnoughPercent) {
    return Error(Code::kResourceExhausted,
                 fmt::format("the ledger has reached its quota and takes no changes: {} of {} MiB "
                             "are in use; raise ledger_quota_mib at each place and start the "
                             "places again, one after another",
                             now.database_bytes >> 20U, quota_bytes >> 20U));
  }
  return Disarm(gateway, {now.member_id, AlarmKind::kNoSpace});
}

}  // namespace twinseal::etcd
