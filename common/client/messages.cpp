// Calls with messages of protobuf's library.
#include <google/protobuf/message.h>

#include "common/client/caller.h"
#include "common/connect/client_call.h"
#include "common/connect/codec.h"

namespace twinseal::client {
namespace {

using connect::CallOptions;
using connect::Encoding;

Status Read(const Caller& caller, const Answer& answer, google::protobuf::Message& response) {
  const Status decoded = connect::Decode(Encoding::kProto, AsBytes(answer.body), response);
  if (decoded.ok()) return Ok();
  return connect::Unreadable(caller.endpoint(answer.endpoint), decoded.error().message());
}

}  // namespace

Status Caller::Call(std::string_view path, const google::protobuf::Message& request,
                    google::protobuf::Message& response, const CallOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, connect::Encode(Encoding::kProto, request));
  TWINSEAL_ASSIGN_OR_RETURN(const Answer answer, Exchange(path, body, options));
  return Read(*this, answer, response);
}

Status Caller::CallAt(std::size_t endpoint, std::string_view path,
                      const google::protobuf::Message& request, google::protobuf::Message& response,
                      const CallOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, connect::Encode(Encoding::kProto, request));
  TWINSEAL_ASSIGN_OR_RETURN(const Answer answer, ExchangeAt(endpoint, path, body, options));
  return Read(*this, answer, response);
}

}  // namespace twinseal::client
