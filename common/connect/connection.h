// One client's connection: handshake, requests, end. For the server's files.
#pragma once

#include <memory>

#include "common/connect/server_state.h"
#include "common/connect/worker.h"

namespace twinseal::connect {

// Takes over an accepted socket, in the thread of the worker that the socket belongs to. `ended` is
// called when the connection has.
void StartConnection(std::shared_ptr<ServerState> state, std::shared_ptr<Worker> worker,
                     Socket socket, std::function<void()> ended);

}  // namespace twinseal::connect
