// Clients that sign, one signature after the other.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/client/caller.h"
#include "tests/bench/parts/measure.h"

namespace twinseal::bench {

// A signature of a digest that no other has.
Status SignOnce(client::Caller& client, const std::string& key);

// All clients for this long; client i signs with key i, modulo their number. Ends the program when
// a signature fails.
Sample SignFor(const std::vector<client::Caller*>& clients, const std::vector<std::string>& keys,
               Milliseconds duration);

// What clients met between two looks.
struct Window {
  std::size_t finished = 0;
  std::size_t failed = 0;
  double longest_gap = 0;        // Seconds in which no client of the load had a signature.
  double longest_call = 0;       // Seconds that one client waited for one answer.
  std::vector<std::string> why;  // Of the first failures.
};

// Clients that sign in the background until it is destroyed. Thread-safe.
class SigningLoad {
 public:
  SigningLoad(std::vector<client::Caller*> clients, std::vector<std::string> keys);
  ~SigningLoad();
  SigningLoad(const SigningLoad&) = delete;
  SigningLoad& operator=(const SigningLoad&) = delete;

  // What happened since the last time; a gap that is still open counts with the length it has by
  // now, and whole in the window in which it ends.
  Window Take() TWINSEAL_EXCLUDES(mutex_);

 private:
  void Run(client::Caller& client, const std::string& key);
  void Record(const Status& signed_, Clock::time_point started) TWINSEAL_EXCLUDES(mutex_);

  const std::vector<std::string> keys_;
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  Window window_ TWINSEAL_GUARDED_BY(mutex_);
  Clock::time_point last_ TWINSEAL_GUARDED_BY(mutex_) = Clock::now();  // A signature's arrival.
  std::vector<std::thread> threads_;
};

}  // namespace twinseal::bench
