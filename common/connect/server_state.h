// What the connections of one server share. For the server's files.
#pragma once

#include <atomic>

#include "common/connect/server.h"

namespace twinseal::connect {

struct ServerState {
  ServerState(ServerOptions o, Router r) : options(std::move(o)), router(std::move(r)) {}

  const ServerOptions options;
  const Router router;
  std::atomic<bool> stopping{false};

  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> connections_accepted{0};
  std::atomic<std::uint64_t> connections_refused{0};
  std::atomic<std::uint64_t> handshakes_failed{0};
  std::atomic<std::uint64_t> requests_in_flight{0};
  std::atomic<std::uint64_t> requests_answered{0};
};

}  // namespace twinseal::connect
