#include "firmware/core/channel/frame_writer.h"

#include <cerrno>
#include <chrono>

#include <poll.h>
#include <sys/socket.h>

#include "firmware/core/scheduler/answers.h"
#include "firmware/core_protocol/frame.h"

namespace twinseal::core {
namespace {

// How long one poll(2) waits, so that the end of the writer is noticed while the peer takes
// nothing.
constexpr int kPollMilliseconds = 100;

// Buffers that grew beyond this for a large answer are given back.
constexpr std::size_t kKeptBufferBytes = std::size_t{256} << 10;

}  // namespace

FrameWriter::FrameWriter(int fd) : fd_(fd) {
  thread_ = std::thread([this] { WaitForPeer(); });
}

FrameWriter::~FrameWriter() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    wanted_.NotifyOne();
  }
  thread_.join();
}

void FrameWriter::Answer(std::span<const v1::CoreResponse> responses) {
  MutexLock lock(mutex_);
  if (gone_) return;
  for (const v1::CoreResponse& response : responses) Append(response);
  if (sending_) return;
  sending_ = true;
  if (SendPending()) {
    sending_ = false;
    room_.NotifyAll();
  } else {
    blocked_ = true;
    wanted_.NotifyOne();
  }
}

void FrameWriter::Append(const v1::CoreResponse& response) {
  if (core_protocol::AppendFrame(response, pending_)) return;
  const v1::CoreResponse failure = FailureAnswer(
      response.number(), Error(Code::kInternal, "the answer is longer than a frame may be"));
  (void)core_protocol::AppendFrame(failure, pending_);
}

bool FrameWriter::SendPending() {
  while (!gone_) {
    if (sent_ == outgoing_.size()) {
      if (pending_.empty()) return true;
      sent_ = 0;
      outgoing_.clear();
      if (outgoing_.capacity() > kKeptBufferBytes) outgoing_.shrink_to_fit();
      outgoing_.swap(pending_);
    }
    mutex_.unlock();
    const ssize_t count =
        send(fd_, outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    const int error = errno;
    mutex_.lock();
    if (count >= 0) {
      sent_ += static_cast<std::size_t>(count);
    } else if (error == EAGAIN || error == EWOULDBLOCK) {
      return false;
    } else if (error != EINTR) {
      gone_ = true;
    }
  }
  return true;
}

void FrameWriter::AwaitRoom() {
  MutexLock lock(mutex_);
  while (!gone_ && pending_.size() >= kMaxPendingBytes) room_.Wait(mutex_);
}

void FrameWriter::Flush() {
  MutexLock lock(mutex_);
  while (!gone_ && (sending_ || !pending_.empty())) room_.Wait(mutex_);
}

void FrameWriter::WaitForPeer() {
  MutexLock lock(mutex_);
  while (!ending_) {
    if (!blocked_) {
      wanted_.Wait(mutex_);
      continue;
    }
    mutex_.unlock();
    pollfd peer{.fd = fd_, .events = POLLOUT, .revents = 0};
    (void)poll(&peer, 1, kPollMilliseconds);
    mutex_.lock();
    if (!SendPending()) continue;
    blocked_ = false;
    sending_ = false;
    room_.NotifyAll();
  }
}

}  // namespace twinseal::core
