// Keys made, disabled and enabled by many clients at once, or asked for at one moment.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/client/caller.h"

namespace twinseal::bench {

enum class Change { kCreate, kDisable, kEnable };

// Ends the program when it is none of "create", "disable", "enable".
Change ParseChange(const std::string& text);

// "PREFIX-NUMBER"
std::string KeyName(const std::string& prefix, std::size_t number);

// One call, with a request id of its own.
Status Make(client::Caller& client, Change change, const std::string& key);

struct Numbers {
  std::size_t from = 0;
  std::size_t count = 0;
};

struct Sweep {
  double seconds = 0;
  std::vector<double> latencies_us;
  std::size_t failed = 0;
  std::vector<std::string> why;  // Of the first failures.
};

// Changes each of the keys once; the clients take them in turn.
Sweep MakeAll(const std::vector<client::Caller*>& clients, Change change, const std::string& prefix,
              Numbers keys);

struct Asked {
  Change change;
  std::string key;
  double answered = 0;  // Seconds of the monotonic clock.
  std::string error;    // Empty: it was made.
};

// Asks for all at once, change i of client i, and waits for every answer.
void AskAtOnce(const std::vector<client::Caller*>& clients, std::vector<Asked>& changes);

struct Standing {
  std::size_t sign = 0;
  std::size_t refused = 0;  // As disabled.
  std::vector<std::string> other;
};

// Whether the keys sign at the client's first site, asked one after another.
Standing LookAt(client::Caller& client, const std::string& prefix, Numbers keys, std::size_t step);

}  // namespace twinseal::bench
