// A load on the core's own socket, from one thread that keeps a fixed number of requests in flight.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "firmware/core_protocol/frame.h"
#include "tests/bench/parts/measure.h"
#include "tests/support/core_client/core_program.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::bench {

// A running twinseal-core. Ends the benchmark with the core's words when a call fails.
class SocketLoad {
 public:
  explicit SocketLoad(const test::CoreArguments& arguments);

  // Makes a key and takes it into the vault; the header says what it is, but for its id.
  v1::ReplicaBlob MakeKey(v1::Algorithm algorithm, std::uint32_t max_signatures_per_activation);

  // Keeps `in_flight` requests of `batch` digests each under way. The latencies are those of
  // requests.
  Sample Sign(const v1::KeyHeader& key, unsigned in_flight, unsigned batch, Milliseconds duration);

  // Resident memory of the core, in bytes.
  std::uint64_t ResidentBytes() const;

 private:
  v1::CoreResponse Call(v1::CoreRequest request);
  void Send(const std::string& frames);
  v1::CoreResponse Receive();

  test::CoreProgram program_;
  UniqueFd socket_;
  std::uint64_t next_number_ = 1;
  core_protocol::FrameDecoder decoder_;
};

}  // namespace twinseal::bench
