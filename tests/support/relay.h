// A TCP relay between a client and a server of the same test, whose link can go bad.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/unique_fd.h"

namespace twinseal::test {

class Relay {
 public:
  // kProxy first reads an HTTP CONNECT and agrees to it, whatever it asks for.
  enum class Kind { kPlain, kProxy };

  // Listens on a free port of 127.0.0.1 and leads to `target` there; 0 leads nowhere: connections
  // are then closed at once.
  explicit Relay(std::uint16_t target, Kind kind = Kind::kPlain);
  // Closes everything.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::uint16_t port() const { return port_; }

  // Where connections lead from now on.
  void Lead(std::uint16_t target);
  // Passes nothing on any more, either way, and closes nothing: a link that is dead without a word.
  // Holds when it returns, as for Cut.
  void Freeze();
  // Closes the connections that there are.
  void Cut();

  // The first line of each CONNECT.
  std::vector<std::string> Asked() const TWINSEAL_EXCLUDES(mutex_);

 private:
  struct Link {
    UniqueFd client;
    UniqueFd server;
  };

  void Run();
  void Accept(std::vector<Link>& links);
  bool Agree(int client);
  void Wake() const;

  const Kind kind_;
  UniqueFd listener_;
  UniqueFd wake_;
  std::uint16_t port_ = 0;
  std::atomic<std::uint16_t> target_;
  std::atomic<bool> frozen_{false};
  std::atomic<bool> held_{false};  // The thread knows that it is frozen.
  std::atomic<bool> ended_{false};
  std::atomic<bool> cut_{false};
  mutable Mutex mutex_;
  std::vector<std::string> asked_ TWINSEAL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace twinseal::test
