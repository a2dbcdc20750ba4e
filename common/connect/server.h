// An HTTPS server: HTTP/1.1 with keep-alive over TLS 1.3, client certificates where a route wants
// one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/connect/router.h"

namespace twinseal::crypto {
class ServerTls;
}

namespace twinseal::connect {

// The defaults suit an appliance that serves machines of a data centre.
struct ServerLimits {
  // A request line and its headers; those of our clients have 300 bytes.
  std::size_t max_header_bytes = std::size_t{16} << 10U;
  // Each holds about 100 KiB of TLS state. One more is closed before its handshake.
  std::size_t max_connections = 512;
  // Requests that wait for their handlers; one more is answered `resource_exhausted`.
  std::size_t max_requests_in_flight = 1024;
  // From the connection to the end of the handshake.
  std::chrono::milliseconds handshake_timeout{10'000};
  // From a request's first byte to the end of its header.
  std::chrono::milliseconds header_timeout{10'000};
  // From the end of the header to the end of the body; a slow sender is cut off.
  std::chrono::milliseconds body_timeout{30'000};
  // Between two requests.
  std::chrono::milliseconds idle_timeout{120'000};
  // For a client to take its answer.
  std::chrono::milliseconds write_timeout{30'000};
  // The longest that a request may take, also when the caller's Connect-Timeout-Ms is longer or
  // missing.
  std::chrono::milliseconds request_timeout{60'000};
};

// One answered request, for metrics and logs.
struct Observation {
  std::string_view
      path;  // Of the route; "unknown" where there is none, so that metrics stay bounded.
  int http_status;
  std::optional<Code> code;           // Not set on success.
  std::chrono::nanoseconds duration;  // From the end of the header to the answer's first byte.
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // An IPv4 or IPv6 address.
  std::uint16_t port = 0;             // 0: a free one.
  unsigned threads = 2;               // That do I/O and TLS.
  ServerLimits limits;
  // Called for each new connection, so that a certificate is replaced by returning another one.
  // From any I/O thread.
  std::function<std::shared_ptr<const crypto::ServerTls>()> tls;
  // May be null. Called on I/O threads; must not block.
  std::function<void(const Observation&)> observer;
};

struct ServerCounts {
  std::uint64_t connections_open;
  std::uint64_t connections_accepted;
  std::uint64_t connections_refused;  // Over the limit, or no TLS.
  std::uint64_t handshakes_failed;
  std::uint64_t requests_in_flight;
  std::uint64_t requests_answered;
};

// Listening from Start to Stop. All functions may be called from any thread but not from a handler.
class Server {
 public:
  // unavailable when the address cannot be listened on, with the reason; internal when the router
  // is not valid.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Router router);
  // Stops with no time to drain, unless stopped already.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  ServerCounts counts() const;

  // Stops listening, closes idle connections, and waits for the requests that were accepted, for at
  // most `drain`; those that are left are cut off. Returns when no thread of the server runs any
  // more. Later answers are dropped.
  void Stop(std::chrono::milliseconds drain);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::connect
