// Reads requests from the peer's socket, many at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "common/base/result.h"
#include "firmware/core_protocol/frame.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

struct ReceivedRequest {
  v1::CoreRequest request;
  std::size_t bytes = 0;  // As it came.
};

// One thread at a time.
class RequestReader {
 public:
  // How many requests are given on at once: enough to spread the cost of handing them over, and so
  // few that the first does not wait long for the parsing of the last (about 1 us each).
  static constexpr std::size_t kMaxGroup = 64;

  // `fd` is a connected stream socket that must outlive the reader.
  explicit RequestReader(int fd) : fd_(fd) {}

  // Reads once and gives what came to `take`, at most kMaxGroup at a time and not at all when no
  // frame is whole yet. False when the peer has closed its side between two frames.
  // invalid_argument when what came is not the protocol, after which nothing more can be read;
  // unavailable when the socket fails.
  Result<bool> ReadOnce(const std::function<void(std::vector<ReceivedRequest>)>& take);

 private:
  const int fd_;
  core_protocol::FrameDecoder decoder_;
};

}  // namespace twinseal::core
