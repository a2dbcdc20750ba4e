// One accepted request on its way through the queue.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/types.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

using Clock = std::chrono::steady_clock;

// What a request waits for. Version 0 stands for the key as a whole (install, erase), id and
// version 0 for no key.
struct Line {
  KeyId key;
  KeyVersion version{};

  friend bool operator==(const Line&, const Line&) = default;
};

struct LineHash {
  std::size_t operator()(const Line& line) const noexcept {
    return std::hash<KeyId>()(line.key) ^ Number(line.version);
  }
};

struct Job {
  v1::CoreRequest request;
  std::string caller;  // Whose turn it is; empty for the appliance itself.
  Line line;
  // How many signatures it asks for, when it may join another's activation; 0 when it may not.
  std::size_t joinable_items = 0;
  std::size_t bytes = 0;  // As it came through the socket: what it costs to let it wait.
  Clock::time_point deadline;
  // How long the HSM may take over it before its session counts as hung, deadline or not.
  Clock::duration patience{};
};

using JobPtr = std::unique_ptr<Job>;

}  // namespace twinseal::core
