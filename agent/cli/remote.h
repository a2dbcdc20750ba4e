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

// One thread at a time. Errors say what to do next, in the appliance's words or in ours.
class Remote {
 public:
  virtual ~Remote() = default;

  // As configured, in the order in which they are tried; at least one.
  virtual const std::vector<std::string>& endpoints() const = 0;

  // Calls `procedure` ("KeyService/GetKey") at the first endpoint that answers. Every request may
  // be sent twice: what changes something carries a request id, and a second signature harms
  // nobody.
  virtual Status CallAny(std::string_view procedure, const google::protobuf::Message& request,
                         google::protobuf::Message& response) = 0;

  // Calls one endpoint alone, once: for what differs from site to site.
  virtual Status CallAt(std::size_t endpoint, std::string_view procedure,
                        const google::protobuf::Message& request,
                        google::protobuf::Message& response) = 0;
};

template <typename Response>
Result<Response> Call(Remote& remote, std::string_view procedure,
                      const google::protobuf::Message& request) {
  Response response;
  TWINSEAL_RETURN_IF_ERROR(remote.CallAny(procedure, request, response));
  return response;
}

// The same error with what to do next, unless it says so already.
Error WithAdvice(const Error& error);

using RemoteFactory = std::function<Result<std::unique_ptr<Remote>>(const Config&)>;

// Over mutual TLS. The files that the configuration names are read here.
Result<std::unique_ptr<Remote>> ConnectRemote(const Config& config);

}  // namespace twinseal::cli
