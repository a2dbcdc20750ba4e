#include "common/client/health.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace twinseal::client {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// An endpoint that is out of service is tried again after this, and after twice as long each time.
constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kLastRetry{30'000};
// When one that was not needed is tried, so that its distance is known: at first soon, but not by a
// program that makes a few calls and ends.
constexpr milliseconds kFirstExploration{1'000};
constexpr milliseconds kExploration{300'000};
// How long the shortest time counts, once or twice.
constexpr milliseconds kShortestWindow{300'000};

// Hedging: below the first, a busy machine looks like a dead one; the last is for operations that
// take seconds (a large RSA key). Nothing is known about a procedure at first.
constexpr milliseconds kLeastDelay{250};
constexpr milliseconds kMostDelay{10'000};
constexpr milliseconds kUnknownDelay{1'000};
// A trial costs the caller its delay when the endpoint is still out of service.
constexpr milliseconds kMostTrialDelay{1'000};

// Smaller differences between round trips do not matter.
constexpr milliseconds kSameDistance{5};

}  // namespace

void Health::Standing::Fail(Time now) {
  // Many calls that fail at the same time are one failure.
  if (failures == 0 || now >= retry_at) Delay(now);
}

void Health::Standing::Delay(Time now) {
  constexpr unsigned kMostDoublings = 5;
  const Duration backoff = kFirstRetry * (1U << std::min(failures, kMostDoublings));
  ++failures;
  retry_at = now + std::min<Duration>(backoff, kLastRetry);
}

void Health::Usual::Add(Duration sample) {
  const auto value = static_cast<double>(std::chrono::duration_cast<microseconds>(sample).count());
  if (!known) {
    mean = value;
    deviation = value / 2;
    known = true;
    return;
  }
  deviation += (std::abs(value - mean) - deviation) / 4;
  mean += (value - mean) / 8;
}

void Health::Shortest::Add(Duration sample, Time now) {
  if (newest_ && now - since_ < kShortestWindow) {
    newest_ = std::min(*newest_, sample);
    return;
  }
  older_ = now - since_ < 2 * kShortestWindow ? newest_ : std::nullopt;
  newest_ = sample;
  since_ = now;
}

std::optional<Duration> Health::Shortest::Get() const {
  return older_ && *older_ < *newest_ ? older_ : newest_;
}

Health::Procedure& Health::Endpoint::Of(std::string_view procedure) {
  const auto found = procedures.find(procedure);
  return found != procedures.end() ? found->second : procedures[std::string(procedure)];
}

Health::Health(std::size_t endpoints, Time now) : endpoints_(endpoints), ranking_(endpoints) {
  std::iota(ranking_.begin(), ranking_.end(), std::size_t{0});
  for (Endpoint& endpoint : endpoints_) endpoint.explore_at = now + kFirstExploration;
}

const Health::Standing* Health::OutFor(const Endpoint& endpoint, std::string_view procedure) const {
  if (endpoint.standing.out()) return &endpoint.standing;
  const auto found = endpoint.procedures.find(procedure);
  if (found == endpoint.procedures.end() || !found->second.standing.out()) return nullptr;
  return &found->second.standing;
}

Health::Plan Health::Order(std::string_view procedure, bool repeatable, Time now) {
  const MutexLock lock(mutex_);
  Plan plan;
  std::vector<std::size_t> out;
  for (const std::size_t endpoint : ranking_) {
    (OutFor(endpoints_[endpoint], procedure) == nullptr ? plan.order : out).push_back(endpoint);
  }
  // What has failed least often is up first.
  std::ranges::stable_sort(out, {}, [&](std::size_t endpoint) TWINSEAL_REQUIRES(mutex_) {
    return OutFor(endpoints_[endpoint], procedure)->retry_at;
  });
  const std::size_t good = plan.order.size();
  plan.order.insert(plan.order.end(), out.begin(), out.end());
  if (!repeatable || good == 0) return plan;
  // What takes long is not done twice out of curiosity.
  const std::optional<Duration> late = LateAt(endpoints_[plan.order.front()], procedure);
  const bool quick = late && *late <= kLeastDelay;
  for (std::size_t i = 1; i < plan.order.size() && !plan.trial; ++i) {
    if (!TrialDue(plan.order[i], procedure, quick, now)) continue;
    plan.trial = true;
    std::rotate(plan.order.begin(), plan.order.begin() + static_cast<std::ptrdiff_t>(i),
                plan.order.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }
  return plan;
}

// Whoever asks makes the trial.
bool Health::TrialDue(std::size_t index, std::string_view procedure, bool quick, Time now) {
  Endpoint& endpoint = endpoints_[index];
  Standing* const out =
      endpoint.standing.out() ? &endpoint.standing : &endpoint.Of(procedure).standing;
  if (out->out()) {
    if (now < out->retry_at) return false;
    out->Delay(now);
    return true;
  }
  if (!quick || now < endpoint.explore_at) return false;
  endpoint.explore_at = now + kExploration;
  return true;
}

std::optional<Duration> Health::LateAt(const Endpoint& endpoint, std::string_view procedure) const {
  const auto found = endpoint.procedures.find(procedure);
  if (found == endpoint.procedures.end() || !found->second.usual.known) return std::nullopt;
  const Usual& usual = found->second.usual;
  return microseconds(static_cast<std::int64_t>(usual.mean + 4 * usual.deviation));
}

Duration Health::HedgeDelay(std::size_t index, std::string_view procedure, bool trial) const {
  const MutexLock lock(mutex_);
  const Endpoint& endpoint = endpoints_[index];
  const Duration connecting = endpoint.connecting.Get().value_or(Duration::zero());
  const std::optional<Duration> late = LateAt(endpoint, procedure);
  if (trial) {
    return std::clamp<Duration>(std::max(4 * connecting, late.value_or(Duration::zero())),
                                kLeastDelay, kMostTrialDelay);
  }
  if (!late) return kUnknownDelay;
  // It may need a new connection.
  return std::clamp<Duration>(*late, kLeastDelay, kMostDelay) + connecting;
}

void Health::Answered(std::size_t index, std::string_view procedure, const https::Timing& timing,
                      Time now) {
  const MutexLock lock(mutex_);
  Heard(index, timing, now);
  Procedure& served = endpoints_[index].Of(procedure);
  served.standing = {};
  served.usual.Add(timing.answering);
}

void Health::Refused(std::size_t index, std::string_view procedure, const https::Timing& timing,
                     Time now) {
  const MutexLock lock(mutex_);
  Heard(index, timing, now);
  endpoints_[index].Of(procedure).standing.Fail(now);
}

void Health::Failed(std::size_t index, Time now) {
  const MutexLock lock(mutex_);
  endpoints_[index].standing.Fail(now);
}

void Health::Silent(std::size_t index, std::string_view procedure, const https::Timing& timing,
                    Silence silence, Time now) {
  const MutexLock lock(mutex_);
  Endpoint& endpoint = endpoints_[index];
  Measure(index, timing, now);
  // A trial that was not even connected: the next one waits longer.
  if (silence.trial && !endpoint.connecting.Get())
    endpoint.connecting.Add(now - silence.started, now);
  if (!silence.overdue || silence.trial) return;
  endpoint.Of(procedure).usual.Add(now - silence.started);
  if (endpoint.heard_at <= silence.started) endpoint.standing.Fail(now);
}

void Health::Heard(std::size_t index, const https::Timing& timing, Time now) {
  Endpoint& endpoint = endpoints_[index];
  endpoint.heard_at = std::max(endpoint.heard_at, now);
  endpoint.standing = {};
  Measure(index, timing, now);
}

void Health::Measure(std::size_t index, const https::Timing& timing, Time now) {
  Endpoint& endpoint = endpoints_[index];
  if (timing.connecting > Duration::zero()) {
    endpoint.connecting.Add(timing.connecting, now);
    endpoint.explore_at = now + kExploration;
  }
  if (timing.round_trip == Duration::zero()) return;
  endpoint.round_trip.Add(timing.round_trip, now);
  for (std::size_t end = ranking_.size(); end > 1; --end) {
    for (std::size_t i = 1; i < end; ++i) {
      if (ComesBefore(ranking_[i], ranking_[i - 1])) std::swap(ranking_[i], ranking_[i - 1]);
    }
  }
}

// Whether two that stand side by side change places. It takes more to leave the configured order
// than to stay out of it, so that two that are about as near do not change places for ever.
bool Health::ComesBefore(std::size_t later, std::size_t earlier) const {
  const std::optional<Duration> far = endpoints_[earlier].round_trip.Get();
  const std::optional<Duration> near = endpoints_[later].round_trip.Get();
  const bool as_configured = earlier < later;
  if (!far || !near) return !as_configured;
  if (as_configured) return *near * 3 / 2 + kSameDistance < *far;
  return *near < *far * 6 / 5 + kSameDistance / 2;
}

}  // namespace twinseal::client
