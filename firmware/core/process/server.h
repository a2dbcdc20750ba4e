// Serves the peer's requests until it is gone.
#pragma once

#include <functional>

#include "common/base/result.h"
#include "firmware/core/channel/frame_writer.h"
#include "firmware/core/channel/request_reader.h"
#include "firmware/core/scheduler/scheduler.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

// One thread reads and hands requests on; status is answered on the spot.
class Server {
 public:
  // All outlive the server. `status` is called on the thread that serves.
  Server(int fd, Scheduler& scheduler, FrameWriter& writer, std::function<v1::CoreStatus()> status)
      : fd_(fd), reader_(fd), scheduler_(scheduler), writer_(writer), status_(std::move(status)) {}

  // Returns when the peer has closed its side, and all that was accepted is answered and sent; when
  // the peer is gone altogether, only what had begun is finished. An error, after the same wait,
  // when the peer broke the protocol.
  Status Serve();

 private:
  void Take(std::vector<ReceivedRequest> group);

  const int fd_;
  RequestReader reader_;
  Scheduler& scheduler_;
  FrameWriter& writer_;
  const std::function<v1::CoreStatus()> status_;
};

}  // namespace twinseal::core
