// Waiting for what other machines and other people do.
#pragma once

#include <chrono>
#include <functional>

#include "agent/cli/surroundings.h"
#include "common/base/result.h"

namespace twinseal::cli {

// How often is looked. People do not notice it, and machines do not either.
inline constexpr std::chrono::milliseconds kLookEvery{500};

// Until when something may take.
class TimeLimit {
 public:
  TimeLimit(const Surroundings& surroundings, std::chrono::seconds limit)
      : surroundings_(surroundings), end_(surroundings.now() + limit) {}

  // Lets a moment go by. False when the time is over.
  bool Wait() const {
    if (surroundings_.now() >= end_) return false;
    surroundings_.pause(kLookEvery);
    return true;
  }

 private:
  const Surroundings& surroundings_;
  std::chrono::steady_clock::time_point end_;
};

// Whether asking again may do better: the other side starts anew, or the network was away.
inline bool MayPass(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kDeadlineExceeded;
}

}  // namespace twinseal::cli
