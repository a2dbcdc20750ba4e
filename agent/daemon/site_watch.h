// One site, looked at again and again from outside, as its clients see it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/https/transfer.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::agent {

struct SiteSight {
  std::string name;
  bool reachable = false;
  bool ready = false;
  std::string reason;  // Why not, in the user's words.
  std::uint32_t round_trip_us = 0;
  // What it says of the pair, when it was asked this time.
  std::optional<v1::GetPairResponse> pair;
};

struct SiteWatchPace {
  std::chrono::milliseconds every{1'000};
  std::chrono::milliseconds look_time{2'000};
  // Each call is in the site's audit log, so that it is made seldom.
  std::chrono::milliseconds ask_every{60'000};
  std::chrono::milliseconds ask_time{5'000};
};

class SiteWatch {
 public:
  // From now on until the object dies, `on_sight` is called after each look, on a thread of the
  // watch's own. `api` is "https://HOST:PORT".
  SiteWatch(std::string name, std::string api, https::Identity identity, SiteWatchPace pace,
            std::function<void(SiteSight)> on_sight);
  // Waits for the look under way.
  ~SiteWatch();
  SiteWatch(const SiteWatch&) = delete;
  SiteWatch& operator=(const SiteWatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  SiteSight Look();
  Result<v1::GetPairResponse> AskPair();
  void NoteRoundTrip(Clock::duration time);
  // False when it is to stop.
  bool PauseUntil(Clock::time_point time) TWINSEAL_EXCLUDES(mutex_);

  const std::string name_;
  const std::string api_;
  const https::Identity identity_;
  const SiteWatchPace pace_;
  const std::function<void(SiteSight)> on_sight_;

  // The thread's.
  https::Transfer transfer_;
  std::deque<std::chrono::microseconds> round_trips_;
  std::optional<Clock::time_point> asked_;

  Mutex mutex_;
  Condition stops_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::agent
