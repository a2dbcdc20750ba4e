// Calls to etcd: its API v3, which is gRPC over mutual TLS.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/https/pool.h"
#include "common/https/race.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::etcd {

struct GatewayOptions {
  // "https://127.0.0.1:2379", in the order in which they are tried; the nearest member first.
  std::vector<std::string> endpoints;
  https::Identity identity;
  std::chrono::milliseconds call_timeout{5'000};
  // After which a commit is better asked again; a large one is given more (ledger/etcd_ledger).
  std::chrono::milliseconds commit_timeout{600};
  std::chrono::milliseconds connect_timeout{1'000};
};

// How one call is waited for.
struct Wait {
  std::optional<std::chrono::milliseconds> timeout = std::nullopt;  // Else the gateway's.
  // Asked by the thread that waits, twenty times a second: no gives the call up.
  std::function<bool()> worthwhile = nullptr;
};

// Whether etcd gave up a read because its leader has changed: the new one answers it.
bool IsLeaderChange(const Error& error);

// Keeps connections open between calls. Thread-safe; each call that runs at the same time as
// another has a connection of its own.
class Gateway {
 public:
  // invalid_argument without an endpoint; internal when libcurl cannot be started.
  static Result<std::unique_ptr<Gateway>> Create(GatewayOptions options);

  // `method` is a service of etcd's and what it does ("KV/Range"). A member that cannot be reached
  // is passed over for the next; the one that answered is tried first the next time. unavailable
  // when it is not known whether the call took effect, or when no member could be reached;
  // out_of_range for revisions that are compacted or to come; resource_exhausted when etcd has no
  // room left.
  Status Call(std::string_view method, const google::protobuf::Message& request,
              google::protobuf::Message& response);
  // The same at one member, tried once. Given up, it is unavailable.
  Status CallAt(std::size_t endpoint, std::string_view method,
                const google::protobuf::Message& request, google::protobuf::Message& response,
                const Wait& wait = {});

  const GatewayOptions& options() const { return options_; }
  // Of the endpoint that answered last, or after Pass() the one behind it.
  std::size_t preferred() const { return preferred_.load(std::memory_order_relaxed); }
  // For callers that found the endpoint of no use themselves.
  void Pass(std::size_t endpoint);

 private:
  explicit Gateway(GatewayOptions options);

  struct Tried {
    Status status;
    bool reached;
  };
  Tried Try(std::size_t endpoint, std::string_view method, const std::string& body,
            google::protobuf::Message& response, const Wait& wait);
  https::Outcome Run(const https::Request& request, const Wait& wait);

  const GatewayOptions options_;
  std::atomic<std::size_t> preferred_{0};
  https::Pool<https::Race> races_;
};

}  // namespace twinseal::etcd
