#include "common/connect/codec.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include "common/connect/json_check.h"
#include "common/connect/wire_check.h"

namespace twinseal::connect {
namespace {

// protobuf's words for a JSON body that does not fit the message quote what they complain about,
// however long it is; the place is in front: `policy.isolation: invalid value "NEVER" for type
// ...`.
std::string OneLine(std::string_view words) {
  constexpr std::size_t kMaxWords = 160;
  std::string line(words.substr(0, kMaxWords));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (words.size() > kMaxWords) line += "...";
  return line;
}

Status DecodeJson(std::string_view body, google::protobuf::Message& message) {
  if (body.empty())
    return Error(Code::kInvalidArgument, "the body is empty; an empty JSON message is {}");
  TWINSEAL_RETURN_IF_ERROR(CheckJson(body, kMaxDepth));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), &message, options);
  if (parsed.ok()) return Ok();
  const std::string_view words(parsed.message().data(), parsed.message().size());
  return Error(Code::kInvalidArgument, OneLine(words));
}

Status DecodeProto(BytesView body, google::protobuf::Message& message) {
  TWINSEAL_RETURN_IF_ERROR(CheckWire(body, *message.GetDescriptor(), kMaxDepth));
  if (message.ParseFromArray(body.data(), static_cast<int>(body.size()))) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("the body is not a {}", message.GetDescriptor()->full_name()));
}

// Repeats no field twice the same way: the order of fields and of map entries is fixed.
bool SerializeDeterministically(const google::protobuf::Message& message, std::string& body) {
  google::protobuf::io::StringOutputStream stream(&body);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  return message.SerializeToCodedStream(&coded);
}

}  // namespace

Status Decode(Encoding encoding, BytesView body, google::protobuf::Message& message) {
  message.Clear();
  return encoding == Encoding::kProto ? DecodeProto(body, message)
                                      : DecodeJson(AsText(body), message);
}

Result<std::string> Encode(Encoding encoding, const google::protobuf::Message& message) {
  std::string body;
  const bool encoded = encoding == Encoding::kProto
                           ? SerializeDeterministically(message, body)
                           : google::protobuf::util::MessageToJsonString(message, &body).ok();
  if (encoded) return body;
  return Error(Code::kInternal,
               fmt::format("the {} cannot be encoded", message.GetDescriptor()->full_name()));
}

}  // namespace twinseal::connect
