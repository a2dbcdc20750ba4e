// How messages and errors look in the JSON of etcd's gateway. For the files of this folder.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/https/transfer.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::etcd {

Result<std::string> ToJson(const google::protobuf::Message& message);
// Clears `message` first and passes over fields that it does not have. unavailable for what is no
// JSON of this form.
Status FromJson(std::string_view json, google::protobuf::Message& message);

// gRPC's code and etcd's words as ours.
Error ErrorOf(int grpc_code, std::string_view words);
// A call that got no answer.
Error ErrorOf(const std::string& endpoint, const https::Failure& failure);

}  // namespace twinseal::etcd
