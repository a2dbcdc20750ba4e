// Carries responses to the peer: any thread hands them over, none waits for another's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "firmware/core/scheduler/executor.h"

namespace twinseal::core {

// Frames are collected in one buffer. Whoever finds nobody sending sends all that is there, without
// waiting for the peer; what others add meanwhile goes with the next send. When the peer does not
// take it, a thread of the writer waits for the peer instead of the caller. Any thread may call.
class FrameWriter : public AnswerSink {
 public:
  // How many bytes may wait for the peer before AwaitRoom holds back new requests.
  static constexpr std::size_t kMaxPendingBytes = std::size_t{1} << 20;

  // `fd` is a connected stream socket that must outlive the writer.
  explicit FrameWriter(int fd);
  // Drops what is not sent; see Flush.
  ~FrameWriter() override;

  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  // A response that is too long for a frame is sent as an `internal` failure. Once the peer is
  // gone, responses are dropped: there is nobody to have them.
  void Answer(std::span<const v1::CoreResponse> responses) override;

  // Waits until less than kMaxPendingBytes wait, or the peer is gone.
  void AwaitRoom();

  // Waits until nothing waits, or the peer is gone.
  void Flush();

 private:
  void Append(const v1::CoreResponse& response) TWINSEAL_REQUIRES(mutex_);
  // Sends until nothing is left (true) or the peer takes no more for now (false). Called, and
  // returns, with the mutex held and sending_ set; sends without it.
  bool SendPending() TWINSEAL_REQUIRES(mutex_);
  void WaitForPeer();

  const int fd_;
  Mutex mutex_;
  Condition room_;    // Something was sent, or the peer is gone.
  Condition wanted_;  // The writer's thread is to send, or to end.
  std::string pending_ TWINSEAL_GUARDED_BY(mutex_);
  bool sending_ TWINSEAL_GUARDED_BY(mutex_) = false;  // Whoever set it owns outgoing_ and sent_.
  bool blocked_ TWINSEAL_GUARDED_BY(mutex_) =
      false;  // The writer's thread is to go on with the sending.
  bool gone_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool ending_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::string outgoing_;
  std::size_t sent_ = 0;
  std::thread thread_;
};

}  // namespace twinseal::core
