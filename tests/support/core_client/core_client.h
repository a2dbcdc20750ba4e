// A client of twinseal-core's socket for tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "firmware/core_protocol/frame.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::test {

// One thread at a time. unavailable when the core has closed the socket.
class CoreClient {
 public:
  explicit CoreClient(UniqueFd socket) : socket_(std::move(socket)) {}

  // Numbers the request and sends it; the answer is fetched with Await. Any number may be under
  // way.
  Result<std::uint64_t> Start(v1::CoreRequest request);
  // Several in one write.
  Result<std::vector<std::uint64_t>> StartAll(std::vector<v1::CoreRequest> requests);
  // The answer to that request; others that come first are kept.
  Result<v1::CoreResponse> Await(std::uint64_t number);
  // The answer that comes next, whatever it answers.
  Result<v1::CoreResponse> AwaitAny();

  // Start and Await. A failure that the core reports comes back as an Error.
  Result<v1::CoreResponse> Call(v1::CoreRequest request);

  // The calls that tests make most.
  Result<v1::ReplicaBlob> Generate(const v1::KeyHeader& header);
  Status Install(const v1::ReplicaBlob& blob);
  Result<v1::CoreStatus> GetStatus();

  // Bytes as they are.
  Status SendRaw(std::string_view bytes);
  // No more requests come; answers still do.
  void CloseSending();
  void Close() { socket_.Reset(); }
  // True when the core has closed its side and everything that it sent was read.
  bool AtEnd();

 private:
  Result<v1::CoreResponse> Receive();

  UniqueFd socket_;
  std::uint64_t next_number_ = 1;
  core_protocol::FrameDecoder decoder_;
  std::map<std::uint64_t, v1::CoreResponse> early_;
};

// A header for a new key with a random id, version and revision 1, enabled, in the vault.
v1::KeyHeader NewKeyHeader(v1::Algorithm algorithm);

// Asks for signatures over `digests` with the key as `header` has it.
v1::CoreRequest SignRequestFor(const v1::KeyHeader& header, v1::Scheme scheme,
                               const std::vector<std::string>& digests,
                               std::string_view caller = "application/test");

// A CoreFailure as an Error.
Error ToError(const v1::CoreFailure& failure);

}  // namespace twinseal::test
