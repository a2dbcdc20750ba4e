#include "firmware/service/core_link/core_link.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace twinseal::service {
namespace {

// How often overdue requests are looked for. They are rare, so precision matters less than a cheap
// hot path.
constexpr int kExpiryPollMs = 100;

std::uint32_t MillisecondsUntil(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
          .count();
  // 0 would mean "no deadline" to the core.
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, 86'400'000));
}

Error Lost() {
  return Error(Code::kUnavailable,
               "the signing core stopped before it answered; it is being restarted, try again");
}

Error FromFailure(v1::CoreFailure& failure) {
  return Error(CodeFromName(failure.code()).value_or(Code::kUnknown),
               std::move(*failure.mutable_message()), std::move(*failure.mutable_origin()));
}

}  // namespace

CoreLink::CoreLink(UniqueFd socket, std::function<void()> on_broken)
    : socket_(std::move(socket)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      on_broken_(std::move(on_broken)) {
  fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  thread_ = std::thread([this] { Run(); });
}

CoreLink::~CoreLink() {
  Close();
  thread_.join();
}

void CoreLink::Close() {
  closing_ = true;
  Wake();
}

std::size_t CoreLink::in_flight() const {
  const MutexLock lock(mutex_);
  return waiting_.size();
}

void CoreLink::Call(v1::CoreRequest request, Deadline deadline, Callback done) {
  request.set_deadline_ms(MillisecondsUntil(deadline));
  bool write = false;
  bool first = false;
  std::optional<Error> refused;
  {
    const MutexLock lock(mutex_);
    if (broken_) {
      refused = Error(Code::kUnavailable,
                      "the signing core is not running; it is being restarted, try again");
    } else if (waiting_.size() >= kMaxCoreRequests) {
      refused = Error(Code::kResourceExhausted,
                      "too many requests are waiting for the signing core; try again later");
    } else {
      request.set_number(next_number_++);
      if (core_protocol::AppendFrame(request, outgoing_)) {
        first = waiting_.empty();
        waiting_.emplace(request.number(), Waiting{deadline + kDeadlineGrace, std::move(done)});
        write = !std::exchange(writing_, true);
      } else {
        refused =
            Error(Code::kInvalidArgument,
                  "the request is too large for the signing core; send fewer digests at once");
      }
    }
  }
  if (refused) {
    // NOLINTNEXTLINE(bugprone-use-after-move): what is refused was not moved
    done(*std::move(refused));
    return;
  }
  if (write) WriteOut();
  // The thread sleeps without a limit while nothing is in flight; now there is a deadline to watch.
  if (first) Wake();
}

void CoreLink::WriteOut() {
  for (;;) {
    if (sent_ == sending_.size()) {
      sending_.clear();
      sent_ = 0;
      const MutexLock lock(mutex_);
      if (outgoing_.empty() || broken_) {
        writing_ = false;
        return;
      }
      sending_.swap(outgoing_);
    }
    const ssize_t n = send(socket_.get(), sending_.data() + sent_, sending_.size() - sent_,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      // The link's thread goes on when there is room; writing_ stays set, so nobody else sends
      // meanwhile.
      socket_full_ = true;
    } else {
      // The thread sees the broken socket too and fails what is waiting.
      closing_ = true;
    }
    Wake();
    return;
  }
}

void CoreLink::Wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(wake_.get(), &one, sizeof one);
}

int CoreLink::PollTimeout() const {
  const MutexLock lock(mutex_);
  return waiting_.empty() ? -1 : kExpiryPollMs;
}

void CoreLink::Run() {
  Deadline next_check = std::chrono::steady_clock::now();
  while (!closing_) {
    std::array<pollfd, 2> polled = {{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (socket_full_) polled[0].events |= POLLOUT;
    if (poll(polled.data(), polled.size(), PollTimeout()) < 0 && errno != EINTR) break;
    if (polled[1].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const ssize_t n = read(wake_.get(), &count, sizeof count);
    }
    if ((polled[0].revents & POLLOUT) != 0) {
      socket_full_ = false;
      WriteOut();
    }
    if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !ReadSome()) break;
    const Deadline now = std::chrono::steady_clock::now();
    if (now >= next_check) {
      FailExpired();
      next_check = now + std::chrono::milliseconds(kExpiryPollMs);
    }
  }
  shutdown(socket_.get(), SHUT_RDWR);
  FailAll();
  if (on_broken_) on_broken_();
}

bool CoreLink::ReadSome() {
  const std::span<std::uint8_t> room = incoming_.Writable();
  const ssize_t n = recv(socket_.get(), room.data(), room.size(), 0);
  if (n == 0) return false;
  if (n < 0) return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
  incoming_.Commit(static_cast<std::size_t>(n));
  return TakeFrames();
}

bool CoreLink::TakeFrames() {
  std::vector<v1::CoreResponse> responses;
  bool sound = true;
  for (;;) {
    const Result<std::optional<BytesView>> frame = incoming_.Next();
    if (!frame.ok()) sound = false;
    if (!frame.ok() || !*frame) break;
    v1::CoreResponse response;
    if (!response.ParseFromArray((*frame)->data(), static_cast<int>((*frame)->size()))) {
      sound = false;
      break;
    }
    responses.push_back(std::move(response));
  }
  if (!responses.empty()) Deliver(std::move(responses));
  return sound;
}

void CoreLink::Deliver(std::vector<v1::CoreResponse> responses) {
  std::vector<Answer> answers;
  answers.reserve(responses.size());
  {
    const MutexLock lock(mutex_);
    for (v1::CoreResponse& response : responses) {
      const auto found = waiting_.find(response.number());
      // An answer that came after its request was given up; nobody waits for it.
      if (found == waiting_.end()) continue;
      answers.push_back({std::move(found->second.done), std::move(response)});
      waiting_.erase(found);
    }
  }
  for (Answer& answer : answers) {
    if (answer.response.has_failure()) {
      answer.done(FromFailure(*answer.response.mutable_failure()));
    } else {
      answer.done(std::move(answer.response));
    }
  }
}

void CoreLink::FailExpired() {
  std::vector<Callback> expired;
  const Deadline now = std::chrono::steady_clock::now();
  {
    const MutexLock lock(mutex_);
    std::erase_if(waiting_, [&](auto& entry) {
      if (entry.second.deadline > now) return false;
      expired.push_back(std::move(entry.second.done));
      return true;
    });
  }
  for (const Callback& done : expired) {
    done(Error(Code::kDeadlineExceeded,
               "the signing core did not answer in time; it may have been done, try again"));
  }
}

void CoreLink::FailAll() {
  std::unordered_map<std::uint64_t, Waiting> left;
  {
    const MutexLock lock(mutex_);
    broken_ = true;
    left.swap(waiting_);
  }
  for (auto& [number, waiting] : left) waiting.done(Lost());
}

}  // namespace twinseal::service
