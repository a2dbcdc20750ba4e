// How calls, answers and errors look in gRPC (https://grpc.io, PROTOCOL-HTTP2). For the files of
// this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/https/transfer.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::etcd {

// "KV/Txn" at that endpoint.
std::string CallUrl(const std::string& endpoint, std::string_view method);
const std::vector<std::string>& CallHeaders();

// A message with what gRPC puts before it. internal when it is too large.
Result<std::string> ToFrame(const google::protobuf::Message& message);
// Takes the first message off what came; nothing while it is not whole. unavailable for what is no
// such message.
Result<std::optional<std::string>> TakeFrame(std::string& came);
Status Parse(const std::string& bytes, google::protobuf::Message& message);

// Whoever answers does not speak etcd's API.
Error NotEtcd();
// What an answer says of how the call went.
Status StatusOf(const https::Answer& answer);
// gRPC's code and etcd's words as ours.
Error ErrorOf(int grpc_code, std::string_view words);
// A call that got no answer.
Error ErrorOf(const std::string& endpoint, const https::Failure& failure);

}  // namespace twinseal::etcd
