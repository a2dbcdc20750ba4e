// The clients of a pair, as applications are: each has a client library of its own.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/client/caller.h"

namespace twinseal::bench {

// Paths of PEM files.
struct IdentityFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

// From where clients call: the sites in their order of preference, and the proxy on the way.
struct End {
  std::vector<std::string> endpoints;
  std::string proxy;  // Empty: none.
};

// "NAME=URL[,URL...][@PROXY]"; ends the program when it is not of that form.
std::pair<std::string, End> ParseEnd(const std::string& text);

std::string ProcedurePath(const std::string& procedure);  // Of "SigningService/Sign".

// Used by one thread; what it gives out, by any.
class Clients {
 public:
  Clients(IdentityFiles identity, std::map<std::string, End> ends)
      : identity_(std::move(identity)), ends_(std::move(ends)) {}

  // `count` clients for `purpose`, of the ends in turn ("a" or "a,b"). They are made and connected
  // once, and are the same the next time. Ends the program when an end cannot be reached.
  std::vector<client::Caller*> Take(const std::string& purpose, const std::string& ends,
                                    std::size_t count);

 private:
  std::unique_ptr<client::Caller> Connect(const End& end) const;

  const IdentityFiles identity_;
  const std::map<std::string, End> ends_;
  std::map<std::string, std::vector<std::unique_ptr<client::Caller>>> made_;  // By purpose and end.
};

}  // namespace twinseal::bench
