#include "common/https/race.h"

#include <algorithm>

#include "common/https/exchange.h"

namespace twinseal::https {
namespace {

using Clock = std::chrono::steady_clock;

struct EndMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

int PollMilliseconds(Clock::time_point until) {
  // Longer than any call, and short enough for an int.
  constexpr std::chrono::milliseconds kMost{60'000};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), kMost).count());
}

}  // namespace

struct Race::Lane {
  Lane(const Identity& identity, std::size_t max_answer) : exchange(identity, max_answer) {}

  Exchange exchange;
  std::size_t runner = 0;
  bool running = false;
  // Why it never got to run.
  CURLcode refused = CURLE_OK;
};

struct Race::Handles {
  const Identity& identity;
  const std::size_t max_answer;
  std::unique_ptr<CURLM, EndMulti> multi;
  std::vector<std::unique_ptr<Lane>> lanes;  // End before `multi`.
};

Race::Race(const Identity& identity, std::size_t max_answer)
    : handles_(new Handles{
          identity, max_answer, std::unique_ptr<CURLM, EndMulti>(curl_multi_init()), {}}) {}

Race::~Race() { Clear(); }

Race::Lane& Race::FreeLane() {
  for (const auto& lane : handles_->lanes) {
    if (!lane->running) return *lane;
  }
  return *handles_->lanes.emplace_back(
      std::make_unique<Lane>(handles_->identity, handles_->max_answer));
}

void Race::Enter(std::size_t runner, const Request& request) {
  Lane& lane = FreeLane();
  lane.runner = runner;
  lane.running = true;
  lane.refused = handles_->multi == nullptr ? CURLE_FAILED_INIT : lane.exchange.Prepare(request);
  if (lane.refused != CURLE_OK) return;
  if (curl_multi_add_handle(handles_->multi.get(), lane.exchange.easy()) != CURLM_OK)
    lane.refused = CURLE_FAILED_INIT;
}

Race::Finish Race::Take(Lane& lane, int done) {
  const Timing timing = lane.exchange.Measure();
  if (lane.refused == CURLE_OK)
    curl_multi_remove_handle(handles_->multi.get(), lane.exchange.easy());
  lane.running = false;
  return {lane.runner, lane.exchange.Finish(static_cast<CURLcode>(done)), timing};
}

std::optional<Race::Finish> Race::Next(Clock::time_point until) {
  CURLM* const multi = handles_->multi.get();
  while (true) {
    for (const auto& lane : handles_->lanes) {
      if (lane->running && lane->refused != CURLE_OK) return Take(*lane, lane->refused);
    }
    if (multi == nullptr) return std::nullopt;
    int running = 0;
    const bool good = curl_multi_perform(multi, &running) == CURLM_OK;
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
      const auto& lanes = handles_->lanes;
      const auto lane = std::ranges::find_if(lanes, [&](const auto& one) {
        return one->running && one->exchange.easy() == message->easy_handle;
      });
      if (lane != lanes.end()) return Take(**lane, message->data.result);
    }
    if (woken_.exchange(false) || Clock::now() >= until) return std::nullopt;
    if (good && curl_multi_poll(multi, nullptr, 0, PollMilliseconds(until), nullptr) == CURLM_OK)
      continue;
    // libcurl has no memory left, or worse. Whoever runs will not arrive.
    for (const auto& lane : handles_->lanes) {
      if (lane->running) return Take(*lane, CURLE_FAILED_INIT);
    }
    return std::nullopt;
  }
}

Race::Finish Race::Leave(std::size_t runner) {
  const auto& lanes = handles_->lanes;
  const auto lane = std::ranges::find_if(
      lanes, [&](const auto& one) { return one->running && one->runner == runner; });
  return Take(**lane, CURLE_OPERATION_TIMEDOUT);
}

void Race::Clear() {
  for (const auto& lane : handles_->lanes) {
    if (lane->running) Take(*lane, CURLE_ABORTED_BY_CALLBACK);
  }
}

void Race::Wake() {
  woken_.store(true);
  if (handles_->multi != nullptr) curl_multi_wakeup(handles_->multi.get());
}

}  // namespace twinseal::https
