// How long an answer is waited for before it is asked for again.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace twinseal::ledger {

// A leader that is lost takes what it was asked with it, and nobody says so. What is not answered
// after several times what answers have usually taken is better asked again; a large commit takes
// a disk its time. Thread-safe.
class Patience {
 public:
  std::chrono::milliseconds For(std::size_t bytes) const {
    const std::chrono::microseconds several(kSeveral * usual_us_.load(std::memory_order_relaxed));
    const auto small =
        std::clamp(std::chrono::ceil<std::chrono::milliseconds>(several), kLeast, kMost);
    return small + std::chrono::milliseconds(bytes / kBytesPerMillisecond);
  }

  // What one took, also when it was given up.
  void Took(std::chrono::steady_clock::duration time) {
    using std::chrono::microseconds;
    const std::int64_t took = std::chrono::duration_cast<microseconds>(time).count();
    const std::int64_t usual = usual_us_.load(std::memory_order_relaxed);
    usual_us_.store(usual + (took - usual) / kWeight, std::memory_order_relaxed);
  }

 private:
  static constexpr std::chrono::milliseconds kLeast{250};
  static constexpr std::chrono::milliseconds kMost{600};
  static constexpr std::int64_t kSeveral = 6;
  static constexpr std::int64_t kWeight = 8;
  static constexpr std::size_t kBytesPerMillisecond = 500;

  // Two that note at the same time may lose one's note.
  std::atomic<std::int64_t> usual_us_{std::chrono::microseconds(kMost).count() / kSeveral};
};

}  // namespace twinseal::ledger
