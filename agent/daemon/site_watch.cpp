#include "agent/daemon/site_watch.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/connect/codec.h"
#include "common/connect/errors.h"

namespace twinseal::agent {
namespace {

constexpr std::size_t kMaxAnswerBytes = std::size_t{1} << 20U;
constexpr int kOkStatus = 200;
// A connection that is new, or a busy moment, is no round trip: the least of the last ones is told.
constexpr std::size_t kRoundTrips = 5;
constexpr const char* kGetPair = "/twinseal.v1.SiteService/GetPair";
constexpr std::string_view kNotReady = "not ready: ";

std::string InWords(const https::Failure& failure) {
  return fmt::format("{}: {}", failure.connected ? "it does not answer" : "it cannot be reached",
                     failure.words);
}

// "not ready: the signing core restarts\n" without what is said already.
std::string ReasonOf(const https::Answer& answer) {
  std::string_view text = answer.body;
  text = text.substr(0, text.find('\n'));
  if (text.starts_with(kNotReady)) text.remove_prefix(kNotReady.size());
  return text.empty() ? fmt::format("it answers HTTP status {}", answer.status) : std::string(text);
}

}  // namespace

SiteWatch::SiteWatch(std::string name, std::string api, https::Identity identity,
                     SiteWatchPace pace, std::function<void(SiteSight)> on_sight)
    : name_(std::move(name)),
      api_(std::move(api)),
      identity_(std::move(identity)),
      pace_(pace),
      on_sight_(std::move(on_sight)),
      transfer_(identity_, kMaxAnswerBytes) {
  thread_ = std::thread([this] { Run(); });
}

SiteWatch::~SiteWatch() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    stops_.NotifyAll();
  }
  thread_.join();
}

void SiteWatch::Run() {
  Clock::time_point next = Clock::now();
  do {
    on_sight_(Look());
    next = std::max(next + pace_.every, Clock::now());
  } while (PauseUntil(next));
}

bool SiteWatch::PauseUntil(Clock::time_point time) {
  const MutexLock lock(mutex_);
  while (!stopping_ && stops_.WaitUntil(mutex_, time)) {
  }
  return !stopping_;
}

SiteSight SiteWatch::Look() {
  SiteSight sight;
  sight.name = name_;
  const Clock::time_point begin = Clock::now();
  const https::Outcome outcome =
      transfer_.Run({api_ + "/readyz", {}, nullptr, {pace_.look_time, pace_.look_time}});
  if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
    sight.reason = InWords(*failure);
    round_trips_.clear();
    asked_.reset();  // It is asked anew once it is back.
    return sight;
  }
  NoteRoundTrip(Clock::now() - begin);
  const auto& answer = std::get<https::Answer>(outcome);
  sight.reachable = true;
  sight.ready = answer.status == kOkStatus;
  if (!sight.ready) sight.reason = ReasonOf(answer);
  sight.round_trip_us = static_cast<std::uint32_t>(std::ranges::min(round_trips_).count());
  if (!asked_.has_value() || Clock::now() - *asked_ >= pace_.ask_every) {
    asked_ = Clock::now();
    if (Result<v1::GetPairResponse> pair = AskPair(); pair.ok()) sight.pair = std::move(*pair);
  }
  return sight;
}

void SiteWatch::NoteRoundTrip(Clock::duration time) {
  round_trips_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(time));
  if (round_trips_.size() > kRoundTrips) round_trips_.pop_front();
}

Result<v1::GetPairResponse> SiteWatch::AskPair() {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body,
                            connect::Encode(connect::Encoding::kProto, v1::GetPairRequest()));
  const https::Outcome outcome =
      transfer_.Run({api_ + kGetPair,
                     {"Content-Type: application/proto", "Connect-Protocol-Version: 1", "Expect:"},
                     &body,
                     {pace_.ask_time, pace_.ask_time}});
  if (const auto* const failure = std::get_if<https::Failure>(&outcome))
    return Error(Code::kUnavailable, InWords(*failure));
  const auto& answer = std::get<https::Answer>(outcome);
  if (answer.status != kOkStatus) return connect::DecodeError(answer.status, answer.body);
  v1::GetPairResponse pair;
  TWINSEAL_RETURN_IF_ERROR(connect::Decode(connect::Encoding::kProto, AsBytes(answer.body), pair));
  return pair;
}

}  // namespace twinseal::agent
