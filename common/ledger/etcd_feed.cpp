#include "common/ledger/etcd_feed.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/ledger/etcd_range.h"

namespace twinseal::ledger {
namespace {

// As opposed to what another member, or the same one later, does not say.
bool ForEver(const Error& error) {
  return error.code() == Code::kOutOfRange || error.code() == Code::kDataLoss;
}

}  // namespace

EtcdFeed::EtcdFeed(etcd::Gateway& gateway, const ValueSeal& seal, ClusterGuard& guard,
                   const std::string& prefix, Revision after,
                   std::function<void(const Change&)> on_change,
                   std::function<void(const Error&)> on_lost)
    : gateway_(gateway),
      seal_(seal),
      guard_(guard),
      range_(Range::Prefix(prefix)),
      on_change_(std::move(on_change)),
      on_lost_(std::move(on_lost)),
      told_(after),
      thread_([this] { Loop(); }) {}

EtcdFeed::~EtcdFeed() {
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    if (watch_ != nullptr) watch_->Stop();
    stops_.NotifyAll();
  }
  thread_.join();
}

void EtcdFeed::Loop() {
  do {
    const Status ended = WatchOnce();
    if (!ended.ok() && ForEver(ended.error())) {
      on_lost_(ended.error());
      return;
    }
  } while (Pause());
}

Status EtcdFeed::WatchOnce() {
  const std::size_t endpoint = gateway_.preferred();
  etcd::Watch watch(gateway_, endpoint);
  {
    const MutexLock lock(mutex_);
    if (stopped_) return Ok();
    watch_ = &watch;
  }
  etcd::WatchCreateRequest request;
  SetRange(range_, request);
  request.set_start_revision(FromRevision(told_) + 1);
  came_on_ = false;
  Status delivered = Ok();
  const Status ended = watch.Run(request, [&](const etcd::WatchResponse& response) {
    delivered = Deliver(response);
    return delivered.ok();
  });
  {
    const MutexLock lock(mutex_);
    watch_ = nullptr;
  }
  if (!ended.ok()) gateway_.Pass(endpoint);
  return delivered.ok() ? ended : delivered;
}

Status EtcdFeed::Deliver(const etcd::WatchResponse& response) {
  if (response.canceled()) {
    return response.compact_revision() > 0
               ? Error(Code::kOutOfRange, "the ledger's changes since then are no longer kept")
               : Error(Code::kUnavailable,
                       fmt::format("etcd ended the watch: {}", response.cancel_reason()));
  }
  Revision newest = told_;
  for (const etcd::Event& event : response.events()) {
    newest = std::max(newest, ToRevision(event.kv().mod_revision()));
  }
  TWINSEAL_RETURN_IF_ERROR(guard_.Check(response.header().cluster_id(), newest, Revision{}));
  // A response has all of a revision, and they come in order.
  for (int i = 0; i < response.events_size(); ++i) {
    const etcd::Event& event = response.events(i);
    const bool completes = i + 1 == response.events_size() ||
                           response.events(i + 1).kv().mod_revision() != event.kv().mod_revision();
    Change change{event.kv().key(), std::nullopt, ToRevision(event.kv().mod_revision()), completes};
    if (event.type() == etcd::Event::PUT) {
      TWINSEAL_ASSIGN_OR_RETURN(change.value, seal_.Open(change.key, event.kv().value()));
    }
    on_change_(change);
  }
  told_ = newest;
  came_on_ = true;
  return Ok();
}

bool EtcdFeed::Pause() {
  constexpr std::chrono::milliseconds kPause{100};
  const auto until = std::chrono::steady_clock::now() + kPause;
  const MutexLock lock(mutex_);
  // A member that told nothing before it ended is not asked again at once.
  while (!stopped_ && !came_on_ && stops_.WaitUntil(mutex_, until)) {
  }
  return !stopped_;
}

}  // namespace twinseal::ledger
