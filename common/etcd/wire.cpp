#include "common/etcd/wire.h"

#include <cstdlib>

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "common/base/big_endian.h"

namespace twinseal::etcd {
namespace {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
enum GrpcCode { kInvalidArgument = 3, kNotFound = 5, kFailedPrecondition = 9, kOutOfRange = 11 };

constexpr int kHttpOk = 200;
// Whether what follows is compressed, and how many bytes it has.
constexpr std::size_t kPrefixBytes = 5;
// A page of a listing, or all that a revision brought, and much room.
constexpr std::size_t kMaxFrameBytes = std::size_t{64} << 20U;

// Other than letters is written as "%C3%A4".
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Result<Bytes> byte = text[i] == '%' ? HexDecode(text.substr(i + 1, 2)) : Bytes();
    if (!byte.ok() || byte->size() != 1) {
      plain.push_back(text[i]);
      continue;
    }
    plain.append(ToString(*byte));
    i += 2;
  }
  return plain;
}

}  // namespace

std::string CallUrl(const std::string& endpoint, std::string_view method) {
  return fmt::format("{}/etcdserverpb.{}", endpoint, method);
}

const std::vector<std::string>& CallHeaders() {
  static const std::vector<std::string> headers = {"Content-Type: application/grpc+proto",
                                                   "TE: trailers", "Accept:"};
  return headers;
}

Result<std::string> ToFrame(const google::protobuf::Message& message) {
  const std::size_t size = message.ByteSizeLong();
  Bytes prefix{0};
  AppendBigEndian(prefix, static_cast<std::uint32_t>(size));
  std::string frame = ToString(prefix);
  if (size > kMaxFrameBytes || !message.AppendToString(&frame)) {
    return Error(Code::kInternal, "a request to etcd is too large");
  }
  return frame;
}

Result<std::optional<std::string>> TakeFrame(std::string& came) {
  if (came.size() < kPrefixBytes) return std::optional<std::string>();
  const std::string_view length = std::string_view(came).substr(1, kPrefixBytes - 1);
  const auto size = ReadBigEndian<std::uint32_t>(AsBytes(length));
  // Nothing is compressed that did not ask for it.
  if (came.front() != '\0' || size > kMaxFrameBytes) return NotEtcd();
  if (came.size() - kPrefixBytes < size) return std::optional<std::string>();
  std::optional<std::string> message(came.substr(kPrefixBytes, size));
  came.erase(0, kPrefixBytes + size);
  return message;
}

Status Parse(const std::string& bytes, google::protobuf::Message& message) {
  return message.ParseFromString(bytes) ? Ok() : Status(NotEtcd());
}

Error NotEtcd() {
  return Error(Code::kUnavailable,
               "etcd gave an answer that is not its API's; is it etcd 3.4 to 3.6 that listens "
               "there?");
}

Status StatusOf(const https::Answer& answer) {
  const std::optional<std::string> code = answer.fields.Find("grpc-status");
  if (answer.status != kHttpOk || !code) return NotEtcd();
  if (*code == "0") return Ok();
  const std::string words = answer.fields.Find("grpc-message").value_or("");
  return ErrorOf(std::atoi(code->c_str()), Unescaped(words));
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
