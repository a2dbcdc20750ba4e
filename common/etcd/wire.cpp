#include "common/etcd/wire.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

namespace twinseal::etcd {
namespace {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
enum GrpcCode { kInvalidArgument = 3, kNotFound = 5, kFailedPrecondition = 9, kOutOfRange = 11 };

}  // namespace

Result<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return Error(Code::kInternal, "a request to etcd cannot be written as JSON");
  }
  return json;
}

Status FromJson(std::string_view json, google::protobuf::Message& message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  message.Clear();
  if (!google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &message, options)
           .ok()) {
    return Error(Code::kUnavailable,
                 "etcd gave an answer that is not its API's; is it etcd 3.4 to "
                 "3.6 that listens there?");
  }
  return Ok();
}

Error ErrorOf(int grpc_code, std::string_view words) {
  if (words.find("database space exceeded") != std::string_view::npos) {
    return Error(Code::kResourceExhausted,
                 "the ledger has reached its quota and takes no changes; `twinseal status` shows "
                 "how full it is, and docs/recovery.md the way out",
                 std::string(words));
  }
  std::string message = fmt::format("etcd says: {}", words);
  switch (grpc_code) {
    case kOutOfRange:
      return Error(Code::kOutOfRange, std::move(message), std::string(words));
    case kInvalidArgument:
      return Error(Code::kInvalidArgument, std::move(message), std::string(words));
    case kNotFound:
      return Error(Code::kNotFound, std::move(message), std::string(words));
    case kFailedPrecondition:
      return Error(Code::kFailedPrecondition, std::move(message), std::string(words));
    default:
      return Error(Code::kUnavailable, std::move(message), std::string(words));
  }
}

Error ErrorOf(const std::string& endpoint, const https::Failure& failure) {
  return Error(
      Code::kUnavailable,
      fmt::format("etcd at {} {}: {}", endpoint,
                  failure.connected ? "did not answer" : "cannot be reached", failure.words),
      fmt::format("curl {}", failure.code));
}

}  // namespace twinseal::etcd
