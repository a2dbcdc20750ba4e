// The appliances that a command talks to.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/config.h"
#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::cli {

// One thread at a time.
class Remote {
 public:
  virtual ~Remote() = default;

  // As configured, in the order in which they are tried; at least one.
  virtual const std::vector<std::string>& endpoints() const = 0;

  // One call of `procedure` ("KeyService/GetKey") at that endpoint, tried once.
  virtual Status CallAt(std::size_t endpoint, std::string_view procedure,
                        const google::protobuf::Message& request,
                        google::protobuf::Message& response) = 0;
};

// Tries the endpoints in turn, and all of them once more, until one answers; gives the index of the
// one that did. `unavailable` and `deadline_exceeded` go on to the next: every request may be sent
// twice, as what changes something carries a request id and a second signature harms nobody. The
// error says what to do next where the appliance did not.
Result<std::size_t> CallAny(Remote& remote, std::string_view procedure,
                            const google::protobuf::Message& request,
                            google::protobuf::Message& response);

// One endpoint alone, for what differs from site to site, with the same advice in its errors.
Status CallOne(Remote& remote, std::size_t endpoint, std::string_view procedure,
               const google::protobuf::Message& request, google::protobuf::Message& response);

template <typename Response>
Result<Response> Call(Remote& remote, std::string_view procedure,
                      const google::protobuf::Message& request) {
  Response response;
  TWINSEAL_RETURN_IF_ERROR(CallAny(remote, procedure, request, response));
  return response;
}

using RemoteFactory = std::function<Result<std::unique_ptr<Remote>>(const Config&)>;

// Over mutual TLS. The files that the configuration names are read here.
Result<std::unique_ptr<Remote>> ConnectRemote(const Config& config);

}  // namespace twinseal::cli
