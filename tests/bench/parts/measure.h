// What a timed slice of work yields, and how slices become a result.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace twinseal::bench {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

struct Sample {
  double per_second = 0;             // Signatures.
  std::vector<double> latencies_us;  // Of single operations.
};

inline double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

using Slice = std::function<Sample()>;

struct Compared {
  double value = 0;  // The medians: a second, and beside it.
  double baseline = 0;
  double ratio = 0;  // The median of the rounds' ratios.
};

// Ours and the baseline in turn.
inline Compared InTurn(unsigned rounds, const Slice& ours, const Slice& baseline) {
  std::vector<double> values;
  std::vector<double> baselines;
  std::vector<double> ratios;
  for (unsigned round = 0; round < rounds; ++round) {
    baselines.push_back(baseline().per_second);
    values.push_back(ours().per_second);
    ratios.push_back(values.back() / baselines.back());
  }
  return {Median(values), Median(baselines), Median(ratios)};
}

// Runs `operation(thread)` over and over on `threads` threads until `duration` is over. It answers
// how many signatures it made.
inline Sample RunFor(unsigned threads, Milliseconds duration,
                     const std::function<std::function<unsigned()>(unsigned thread)>& prepare) {
  std::vector<std::thread> workers;
  std::vector<std::vector<double>> latencies(threads);
  std::vector<std::uint64_t> made(threads, 0);
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      const std::function<unsigned()> operation = prepare(t);
      operation();  // Warms what is cached once.
      ready.fetch_add(1);
      go.wait(false);
      while (!stop.load(std::memory_order_relaxed)) {
        const auto start = Clock::now();
        made[t] += operation();
        latencies[t].push_back(
            std::chrono::duration<double, std::micro>(Clock::now() - start).count());
      }
    });
  }
  while (ready.load() < threads) std::this_thread::yield();
  const auto start = Clock::now();
  go.store(true);
  go.notify_all();
  std::this_thread::sleep_until(start + duration);  // The slice's length; nothing is awaited by it.
  stop.store(true);
  for (std::thread& worker : workers) worker.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();

  Sample sample;
  std::uint64_t total = 0;
  for (unsigned t = 0; t < threads; ++t) {
    total += made[t];
    sample.latencies_us.insert(sample.latencies_us.end(), latencies[t].begin(), latencies[t].end());
  }
  sample.per_second = static_cast<double>(total) / seconds;
  return sample;
}

}  // namespace twinseal::bench
