// Exchanges that run at the same time, driven by the one thread that waits for them.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "common/https/transfer.h"

namespace twinseal::https {

// After Start(). Keeps the connections that it used. One thread at a time; any may call Wake.
class Race {
 public:
  // As for Transfer; the length holds for each answer.
  Race(const Identity& identity, std::size_t max_answer);
  // Ends those that run.
  ~Race();
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  // `runner` is the caller's name for this exchange; it may not be running already.
  void Enter(std::size_t runner, const Request& request);

  struct Finish {
    std::size_t runner;
    Outcome outcome;
    Timing timing;
  };
  // The next that finishes; nothing when the time has passed or somebody called Wake.
  std::optional<Finish> Next(std::chrono::steady_clock::time_point until);

  // Ends one that runs, over HTTP/1.1 with its connection: as one whose time is over.
  Finish Leave(std::size_t runner);
  // Ends all that run.
  void Clear();

  // Makes Next return, now or when it is called.
  void Wake();

 private:
  struct Lane;
  struct Handles;

  Lane& FreeLane();
  Finish Take(Lane& lane, int done);

  std::unique_ptr<Handles> handles_;
  std::atomic<bool> woken_{false};
};

}  // namespace twinseal::https
