#include "common/connect/server.h"

#include <atomic>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "common/base/mutex.h"
#include "common/connect/acceptor.h"

namespace twinseal::connect {

Response ErrorResponse(const Error& error) {
  return {HttpStatus(error.code()), std::string(ContentType(Encoding::kJson)), EncodeError(error)};
}

Responder::~Responder() {
  if (send_)
    send_(ErrorResponse(Error(Code::kInternal, "the appliance gave no answer to the request")));
}

void Responder::operator()(Response response) {
  if (!send_) return;
  const Send send = std::exchange(send_, nullptr);
  send(std::move(response));
}

Status AnyPeer(const Peer&) { return Ok(); }

void Routes::Get(std::string path, Admission admit, Handler handler) {
  Add({"GET", std::move(path), std::move(admit), std::move(handler), nullptr, 0});
}

}  // namespace twinseal::connect
