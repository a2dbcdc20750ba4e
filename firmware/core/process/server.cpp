#include "firmware/core/process/server.h"

#include <utility>
#include <vector>

#include <poll.h>

#include "firmware/core/channel/request_jobs.h"
#include "firmware/core/scheduler/answers.h"

namespace twinseal::core {
namespace {

// Whether the peer has closed its socket, rather than just the sending half of it.
bool NobodyListens(int fd) {
  pollfd peer{.fd = fd, .events = 0, .revents = 0};
  return poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Status Server::Serve() {
  const auto take = [this](std::vector<ReceivedRequest> group) { Take(std::move(group)); };
  Status ended = Ok();
  while (true) {
    writer_.AwaitRoom();
    const Result<bool> more = reader_.ReadOnce(take);
    if (!more.ok()) ended = more.error();
    if (!more.ok() || !*more) break;
  }
  if (NobodyListens(fd_)) scheduler_.Discard();
  scheduler_.Finish();
  writer_.Flush();
  return ended;
}

void Server::Take(std::vector<ReceivedRequest> group) {
  const Clock::time_point now = Clock::now();
  std::vector<JobPtr> jobs;
  jobs.reserve(group.size());
  std::vector<v1::CoreResponse> answers;
  for (ReceivedRequest& received : group) {
    const std::uint64_t number = received.request.number();
    if (received.request.has_status()) {
      v1::CoreResponse& answer = answers.emplace_back();
      answer.set_number(number);
      *answer.mutable_status() = status_();
      continue;
    }
    Result<JobPtr> job = MakeJob(std::move(received), now);
    if (job.ok()) {
      jobs.push_back(std::move(job).value());
    } else {
      answers.push_back(FailureAnswer(number, job.error()));
    }
  }
  if (!jobs.empty()) scheduler_.Submit(std::move(jobs));
  if (!answers.empty()) writer_.Answer(answers);
}

}  // namespace twinseal::core
