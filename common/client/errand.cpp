#include "common/client/errand.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/connect/client_call.h"
#include "common/connect/curl_errors.h"

namespace twinseal::client {
namespace {

using std::chrono::milliseconds;

// Between two tries of one endpoint in one call. Something that restarts is back in a second or
// two.
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLastPause{500};

// Up to a quarter shorter, so that callers that failed together do not come back together.
Duration Pause(unsigned failures, Time now) {
  constexpr unsigned kMostDoublings = 4;
  const Duration whole =
      std::min(kFirstPause * (1U << std::min(failures, kMostDoublings)), kLastPause);
  constexpr std::int64_t kParts = 1024;
  return whole - whole / 4 * (now.time_since_epoch().count() % kParts) / kParts;
}

milliseconds Until(Time deadline, Time now) {
  // libcurl takes no more.
  constexpr milliseconds kMost{INT32_MAX};
  return std::clamp(std::chrono::ceil<milliseconds>(deadline - now), milliseconds(1), kMost);
}

// Clocks overflow.
milliseconds Bounded(milliseconds timeout) {
  constexpr milliseconds kMost = std::chrono::hours(24);
  return std::clamp(timeout, milliseconds(0), kMost);
}

}  // namespace

Errand::Errand(const Errands& common, Task task, https::Race& race, const Health::Plan& plan)
    : common_(common),
      task_(task),
      race_(race),
      deadline_(start_ + Bounded(task.options.timeout)),
      persist_until_(std::min(deadline_, start_ + Bounded(task.options.persist))) {
  for (const std::size_t endpoint : plan.order) ways_.emplace_back(endpoint);
  ways_.front().trial = plan.trial;
}

Result<Answer> Errand::Run() {
  while (true) {
    const Time now = Clock::now();
    if (common_.stopped.load()) {
      race_.Clear();
      return Error(Code::kCanceled, "the call was ended: its client is closed");
    }
    if (now >= deadline_) return TimeOver();
    if (Way* const way = NextWay(now)) {
      Start(*way, now);
      continue;
    }
    if (Hopeless()) return Summary();
    std::optional<https::Race::Finish> finish = race_.Next(NextMoment());
    if (!finish) continue;
    if (std::optional<Result<Answer>> done = Judge(*std::move(finish))) return *std::move(done);
  }
}

Errand::Way* Errand::NextWay(Time now) {
  const bool another = running_ == 0 || (task_.options.repeatable && now >= next_at_);
  if (!another) return nullptr;
  const auto way = std::ranges::find_if(
      ways_, [&](const Way& one) { return !one.running && IsOpen(one) && one.ready <= now; });
  return way == ways_.end() ? nullptr : &*way;
}

Time Errand::NextMoment() const {
  Time ready = deadline_;
  for (const Way& way : ways_) {
    if (!way.running && IsOpen(way)) ready = std::min(ready, way.ready);
  }
  if (running_ == 0) return ready;
  return task_.options.repeatable ? std::min(deadline_, std::max(ready, next_at_)) : deadline_;
}

// Whether it may be tried, now or later.
bool Errand::IsOpen(const Way& way) const { return !way.closed && way.ready <= persist_until_; }

// Whether nobody has the call and nobody will get it.
bool Errand::Hopeless() const {
  return running_ == 0 && std::ranges::none_of(ways_, [&](const Way& way) { return IsOpen(way); });
}

void Errand::Start(Way& way, Time now) {
  const milliseconds left = Until(deadline_, now);
  // Where only one endpoint may have it, one that is not there leaves time for those behind it.
  const auto behind = static_cast<std::int64_t>(
      std::ranges::count_if(ways_, [](const Way& one) { return one.failures == 0; }));
  const milliseconds share =
      task_.options.repeatable ? left : left / std::max<std::int64_t>(behind, 1);
  https::Request request =
      connect::RequestOf(common_.endpoints[way.endpoint], task_.path, task_.body, left,
                         std::max(std::min(common_.connect_timeout, share), milliseconds(1)));
  // The errand minds the time itself.
  request.patience.whole += std::chrono::seconds(1);
  // A trial measures the distance.
  request.new_connection = way.trial || !task_.options.repeatable;
  race_.Enter(way.endpoint, request);
  way.running = true;
  way.started = now;
  way.overdue = now + common_.health.HedgeDelay(way.endpoint, task_.path, way.trial);
  next_at_ = way.overdue;
  ++running_;
}

std::optional<Result<Answer>> Errand::Judge(https::Race::Finish finish) {
  const Time now = Clock::now();
  Way& way = *std::ranges::find(ways_, finish.runner, &Way::endpoint);
  way.running = false;
  --running_;
  connect::Tried tried =
      connect::ReadOutcome(common_.endpoints[way.endpoint], std::move(finish.outcome));
  const bool refused = !tried.answer.ok() && tried.answer.error().code() == Code::kUnavailable;
  if (tried.answered && !refused) {
    common_.health.Answered(way.endpoint, task_.path, finish.timing, now);
    LeaveAll(now);
    if (!tried.answer.ok()) return tried.answer.error();
    return Answer{*std::move(tried.answer), way.endpoint};
  }
  const Error& error = tried.answer.error();
  if (tried.answered) {
    common_.health.Refused(way.endpoint, task_.path, finish.timing, now);
  } else if (error.code() == Code::kInternal) {
    // An answer that this program cannot take is one wherever it comes from.
    LeaveAll(now);
    return error;
  } else {
    common_.health.Failed(way.endpoint, now);
    way.closed = tried.lasting;
  }
  if (tried.sent && !task_.options.repeatable) return error;
  PutOff(way, error, now);
  return std::nullopt;
}

void Errand::PutOff(Way& way, Error error, Time now) {
  way.error = std::move(error);
  way.trial = false;
  way.ready = now + Pause(way.failures, now);
  ++way.failures;
  next_at_ = now;
}

void Errand::LeaveAll(Time now) {
  for (Way& way : ways_) {
    if (!way.running) continue;
    const https::Race::Finish left = race_.Leave(way.endpoint);
    common_.health.Silent(way.endpoint, task_.path, left.timing,
                          {way.started, now >= way.overdue, way.trial}, now);
    way.running = false;
    way.error = connect::ErrorOfTransfer(common_.endpoints[way.endpoint],
                                         std::get<https::Failure>(left.outcome));
  }
  running_ = 0;
}

Error Errand::TimeOver() {
  LeaveAll(Clock::now());
  return Summary();
}

Error Errand::Summary() const {
  std::vector<const Error*> errors;
  for (const Way& way : ways_) {
    if (way.error) errors.push_back(&*way.error);
  }
  const auto all = [&](Code code) {
    return std::ranges::all_of(errors, [&](const Error* one) { return one->code() == code; });
  };
  const auto any = [&](Code code) {
    return std::ranges::any_of(errors, [&](const Error* one) { return one->code() == code; });
  };
  if (errors.empty()) return Error(Code::kDeadlineExceeded, "the time for the call is over");
  if (errors.size() == 1) return *errors.front();
  std::string text;
  for (const Error* error : errors) text += (text.empty() ? "" : "; ") + error->message();
  Code code = Code::kUnavailable;
  if (all(Code::kUnauthenticated)) code = Code::kUnauthenticated;
  if (any(Code::kDeadlineExceeded)) code = Code::kDeadlineExceeded;
  return Error(code, fmt::format("no endpoint could be used: {}", text));
}

}  // namespace twinseal::client
