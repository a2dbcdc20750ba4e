// etcd's watch: what changes, told as it happens.
#pragma once

#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/etcd/gateway.h"
#include "common/https/stream.h"

namespace twinseal::etcd {

class WatchCreateRequest;
class WatchResponse;

// One watch at one member. One thread runs it; any may stop it.
class Watch {
 public:
  // `gateway` outlives it.
  Watch(Gateway& gateway, std::size_t endpoint);

  // Gives each response to `on_response` until that returns false or Stop was called (ok), or the
  // watch ends otherwise: unavailable, or what etcd says. Once.
  Status Run(const WatchCreateRequest& request,
             const std::function<bool(const WatchResponse&)>& on_response);
  void Stop() { stream_.Stop(); }

 private:
  Gateway& gateway_;
  const std::string& endpoint_;
  https::Stream stream_;
};

}  // namespace twinseal::etcd
