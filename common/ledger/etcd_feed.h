// The etcd ledger's feeds: one thread a feed, which watches one member and goes on at the next when
// that one is gone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/etcd/gateway.h"
#include "common/etcd/watch.h"
#include "common/ledger/cluster_guard.h"
#include "common/ledger/ledger.h"
#include "common/ledger/value_seal.h"

namespace twinseal::ledger {

class EtcdFeed final : public Feed {
 public:
  // `gateway`, `seal` and `guard` outlive the feed. Begins to call at once. on_lost is called with
  // out_of_range when the changes that come next were compacted, and with data_loss when the
  // cluster, or a value, is not to be believed; as long as no member can be reached the feed waits.
  EtcdFeed(etcd::Gateway& gateway, const ValueSeal& seal, ClusterGuard& guard,
           const std::string& prefix, Revision after, std::function<void(const Change&)> on_change,
           std::function<void(const Error&)> on_lost);
  ~EtcdFeed() override;

 private:
  void Loop();
  // Watches one member until the watch ends, and tells with what.
  Status WatchOnce() TWINSEAL_EXCLUDES(mutex_);
  Status Deliver(const etcd::WatchResponse& response);
  // False when the feed is to stop.
  bool Pause() TWINSEAL_EXCLUDES(mutex_);

  etcd::Gateway& gateway_;
  const ValueSeal& seal_;
  ClusterGuard& guard_;
  const Range range_;
  const std::function<void(const Change&)> on_change_;
  const std::function<void(const Error&)> on_lost_;
  Revision told_;        // Everything up to here; the thread's own.
  bool came_on_ = true;  // Whether the last watch told anything; the thread's own.

  Mutex mutex_;
  Condition stops_;
  bool stopped_ TWINSEAL_GUARDED_BY(mutex_) = false;
  etcd::Watch* watch_ TWINSEAL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace twinseal::ledger
