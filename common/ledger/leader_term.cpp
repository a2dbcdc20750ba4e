#include "common/ledger/leader_term.h"

#include <algorithm>

#include "common/etcd/cluster.h"

namespace twinseal::ledger {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAskEvery{50};
// It answers at once, of what it knows itself.
constexpr std::chrono::milliseconds kAnswerTime{100};

}  // namespace

void LeaderTerm::Saw(std::uint64_t term) {
  std::uint64_t latest = latest_.load(std::memory_order_relaxed);
  while (term > latest && !latest_.compare_exchange_weak(latest, term)) {
  }
}

bool LeaderTerm::HasPassed(std::uint64_t term, std::size_t endpoint) {
  const MutexLock lock(mutex_);
  if (led_ <= term && steady_clock::now() >= asked_ + kAskEvery) Ask(endpoint);
  return led_ > term;
}

void LeaderTerm::Ask(std::size_t endpoint) {
  const Result<etcd::MemberStatus> status =
      etcd::StatusOf(gateway_, endpoint, {.timeout = kAnswerTime});
  asked_ = steady_clock::now();
  if (!status.ok()) return;
  Saw(status->raft_term);
  if (status->leader_id != 0) led_ = std::max(led_, status->raft_term);
}

}  // namespace twinseal::ledger
