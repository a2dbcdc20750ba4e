#include "tests/support/core_client/core_client.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "common/base/types.h"

namespace twinseal::test {

Result<std::uint64_t> CoreClient::Start(v1::CoreRequest request) {
  std::vector<v1::CoreRequest> requests;
  requests.push_back(std::move(request));
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> numbers,
                            StartAll(std::move(requests)));
  return numbers.front();
}

Result<std::vector<std::uint64_t>> CoreClient::StartAll(std::vector<v1::CoreRequest> requests) {
  std::vector<std::uint64_t> numbers;
  std::string frames;
  for (v1::CoreRequest& request : requests) {
    request.set_number(next_number_);
    numbers.push_back(next_number_++);
    if (!core_protocol::AppendFrame(request, frames)) {
      return Error(Code::kInvalidArgument, "the request is longer than a frame");
    }
  }
  TWINSEAL_RETURN_IF_ERROR(SendRaw(frames));
  return numbers;
}

Result<v1::CoreResponse> CoreClient::Await(std::uint64_t number) {
  while (true) {
    if (const auto early = early_.find(number); early != early_.end()) {
      v1::CoreResponse response = std::move(early->second);
      early_.erase(early);
      return response;
    }
    TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse response, Receive());
    const std::uint64_t received = response.number();
    early_.emplace(received, std::move(response));
  }
}

Result<v1::CoreResponse> CoreClient::AwaitAny() {
  if (early_.empty()) return Receive();
  v1::CoreResponse response = std::move(early_.begin()->second);
  early_.erase(early_.begin());
  return response;
}

Result<v1::CoreResponse> CoreClient::Call(v1::CoreRequest request) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::uint64_t number, Start(std::move(request)));
  TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse response, Await(number));
  if (response.has_failure()) return ToError(response.failure());
  return response;
}

Result<v1::ReplicaBlob> CoreClient::Generate(const v1::KeyHeader& header) {
  v1::CoreRequest request;
  *request.mutable_generate()->mutable_header() = header;
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response, Call(std::move(request)));
  return response.blob();
}

Status CoreClient::Install(const v1::ReplicaBlob& blob) {
  v1::CoreRequest request;
  request.mutable_install()->set_replica_blob(blob.replica_blob());
  const auto response = Call(std::move(request));
  return response.ok() ? Ok() : Status(response.error());
}

Result<v1::CoreStatus> CoreClient::GetStatus() {
  v1::CoreRequest request;
  request.mutable_status();
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response, Call(std::move(request)));
  return response.status();
}

Status CoreClient::SendRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      return Error(Code::kUnavailable, fmt::format("sending to the core: {}", strerror(errno)));
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return Ok();
}

void CoreClient::CloseSending() { shutdown(socket_.get(), SHUT_WR); }

bool CoreClient::AtEnd() {
  const auto received = Receive();
  return !received.ok() && received.error().code() == Code::kUnavailable;
}

Result<v1::CoreResponse> CoreClient::Receive() {
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<BytesView> message, decoder_.Next());
    if (message) {
      v1::CoreResponse response;
      if (!response.ParseFromArray(message->data(), static_cast<int>(message->size()))) {
        return Error(Code::kInternal, "the core sent something that is no response");
      }
      return response;
    }
    const std::span<std::uint8_t> room = decoder_.Writable();
    const ssize_t count = recv(socket_.get(), room.data(), room.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error(Code::kUnavailable, "the core has closed the socket");
    decoder_.Commit(static_cast<std::size_t>(count));
  }
}

v1::KeyHeader NewKeyHeader(v1::Algorithm algorithm) {
  v1::KeyHeader header;
  header.set_key_id(ToString(KeyId::Random().bytes()));
  header.set_version(1);
  header.set_revision(1);
  header.set_algorithm(algorithm);
  header.set_storage(v1::VAULT);
  header.set_state(v1::ENABLED);
  header.mutable_policy();
  return header;
}

v1::CoreRequest SignRequestFor(const v1::KeyHeader& header, v1::Scheme scheme,
                               const std::vector<std::string>& digests, std::string_view caller) {
  v1::CoreRequest request;
  v1::CoreSignRequest& sign = *request.mutable_sign();
  sign.set_key_id(header.key_id());
  sign.set_version(header.version());
  sign.set_revision(header.revision());
  sign.set_scheme(scheme);
  for (const std::string& digest : digests) sign.add_digests(digest);
  sign.set_caller(std::string(caller));
  return request;
}

Error ToError(const v1::CoreFailure& failure) {
  return Error(CodeFromName(failure.code()).value_or(Code::kUnknown), failure.message(),
               failure.origin());
}

}  // namespace twinseal::test
