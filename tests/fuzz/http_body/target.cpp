// What strangers send as the body of a call, and what a server may answer a client with.
//
// The first byte chooses the message and the encoding. Oracles: what was decoded is the same
// message again after it was encoded and decoded in either encoding; our strict reader of the wire
// format takes exactly what protobuf's parser takes without unknown fields; a refusal is
// invalid_argument and short, whatever was refused; an error that was decoded survives its own
// encoding.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>

#include "common/connect/codec.h"
#include "common/connect/errors.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/audit.pb.h"
#include "twinseal/v1/keys.pb.h"
#include "twinseal/v1/signing.pb.h"

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using twinseal::BytesView;
using twinseal::Code;
using twinseal::Status;
using twinseal::connect::Decode;
using twinseal::connect::Encode;
using twinseal::connect::Encoding;

// A message's text, with a field's path and a few quoted bytes of the input.
constexpr std::size_t kMaxRefusalBytes = 400;

void Require(bool holds) {
  if (!holds) std::abort();
}

const Message& Prototype(std::uint8_t choice) {
  static const twinseal::v1::CreateKeyRequest create;
  static const twinseal::v1::SetKeyPolicyRequest policy;
  static const twinseal::v1::SignRequest sign;
  static const twinseal::v1::SignBatchRequest batch;
  static const twinseal::v1::ListKeysRequest list;
  static const twinseal::v1::ScheduleKeyDestructionRequest schedule;
  static const twinseal::v1::IssueClientCertificateRequest issue;
  static const twinseal::v1::Key key;
  static const std::array<const Message*, 8> all = {&create, &policy,   &sign,  &batch,
                                                    &list,   &schedule, &issue, &key};
  return *all[choice % all.size()];
}

bool HasUnknownFields(const Message& message) {
  const auto& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

void CheckRoundTrip(const Message& message, Encoding encoding) {
  const auto encoded = Encode(encoding, message);
  Require(encoded.ok());
  const std::unique_ptr<Message> again(message.New());
  Require(Decode(encoding, twinseal::AsBytes(*encoded), *again).ok());
  Require(*Encode(Encoding::kProto, *again) == *Encode(Encoding::kProto, message));
}

void CheckBody(Encoding encoding, const Message& prototype, BytesView body) {
  const std::unique_ptr<Message> message(prototype.New());
  const Status decoded = Decode(encoding, body, *message);
  if (encoding == Encoding::kProto) {
    const std::unique_ptr<Message> plain(prototype.New());
    const bool taken = plain->ParseFromArray(body.data(), static_cast<int>(body.size())) &&
                       !HasUnknownFields(*plain);
    Require(taken == decoded.ok());
  }
  if (!decoded.ok()) {
    Require(decoded.error().code() == Code::kInvalidArgument);
    Require(decoded.error().message().size() <= kMaxRefusalBytes);
    return;
  }
  CheckRoundTrip(*message, Encoding::kProto);
  CheckRoundTrip(*message, Encoding::kJson);
}

void CheckAnswer(BytesView body) {
  constexpr int kStatus = 503;
  const twinseal::Error error = twinseal::connect::DecodeError(kStatus, twinseal::AsText(body));
  const twinseal::Error again =
      twinseal::connect::DecodeError(kStatus, twinseal::connect::EncodeError(error));
  Require(again.code() == error.code() && again.message() == error.message());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // protobuf's parser writes what it dislikes to standard error.
  const google::protobuf::LogSilencer silence;
  if (size == 0) return 0;
  const BytesView body(data + 1, size - 1);
  const std::uint8_t choice = data[0];
  CheckBody(choice % 2 == 0 ? Encoding::kJson : Encoding::kProto,
            Prototype(static_cast<std::uint8_t>(choice / 2)), body);
  if (choice % 2 == 0) CheckAnswer(body);
  return 0;
}
