// One connection to a running signing core: many requests in flight, answers in any order.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "firmware/core_protocol/frame.h"
#include "firmware/service/core_link/core.h"

namespace twinseal::service {

// More requests than this at once are refused with resource_exhausted: about two seconds of work
// for an HSM, beyond which waiting clients are better told at once.
inline constexpr std::size_t kMaxCoreRequests = 4096;

// The core keeps the deadlines itself; the link gives up this much later, for a core that hangs as
// a whole.
inline constexpr std::chrono::milliseconds kDeadlineGrace{500};

// Speaks the frames of core.proto over a connected stream socket, with one thread that reads.
// Requests are written by the threads that make them; while one writes, the others leave theirs for
// it to send along.
//
// Thread-safe. The connection is never repaired: when it breaks, whatever is in flight gets
// `unavailable`, and so does all that is asked later.
class CoreLink : public Core {
 public:
  // `on_broken` is called at most once, from the link's thread, after every callback has had its
  // error.
  CoreLink(UniqueFd socket, std::function<void()> on_broken);
  // Breaks the connection and waits for the thread. Not from the link's own thread.
  ~CoreLink() override;

  CoreLink(const CoreLink&) = delete;
  CoreLink& operator=(const CoreLink&) = delete;

  void Call(v1::CoreRequest request, Deadline deadline, Callback done) override;

  // Breaks the connection; the core sees the end of its input and finishes. Returns at once.
  void Close();

  std::size_t in_flight() const;

 private:
  struct Waiting {
    Deadline deadline;
    Callback done;
  };
  struct Answer {
    Callback done;
    v1::CoreResponse response;
  };

  void Run();
  // False when the connection is at its end.
  bool ReadSome();
  bool TakeFrames();
  void Deliver(std::vector<v1::CoreResponse> responses);
  void FailExpired();
  void FailAll();
  // Sends what is in outgoing_ until it is empty or the socket is full. The caller has set
  // writing_.
  void WriteOut();
  void Wake();
  int PollTimeout() const;

  UniqueFd socket_;
  UniqueFd wake_;
  std::function<void()> on_broken_;
  // Only the link's thread touches it.
  core_protocol::FrameDecoder incoming_;

  mutable Mutex mutex_;
  std::unordered_map<std::uint64_t, Waiting> waiting_ TWINSEAL_GUARDED_BY(mutex_);
  std::uint64_t next_number_ TWINSEAL_GUARDED_BY(mutex_) = 1;
  std::string outgoing_ TWINSEAL_GUARDED_BY(mutex_);
  // Some thread is sending, or the link's thread will when the socket takes more.
  bool writing_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool broken_ TWINSEAL_GUARDED_BY(mutex_) = false;
  // What did not fit into the socket; only who has set writing_ touches it.
  std::string sending_;
  std::size_t sent_ = 0;
  std::atomic<bool> socket_full_ = false;
  std::atomic<bool> closing_ = false;

  std::thread thread_;
};

}  // namespace twinseal::service
