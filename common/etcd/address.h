// HOST:PORT, and ports of this host that are kept for a process to come.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::etcd {

struct Address {
  std::string host;  // Without the brackets of IPv6.
  std::uint16_t port = 0;

  // "192.0.2.1:2380", "[::1]:2380"
  std::string Text() const;
};

// invalid_argument, naming `setting`, for what is not HOST:PORT.
Result<Address> ParseAddress(std::string_view text, std::string_view setting);

// A port that no other process is given as long as this lives, but that one which asks for it by
// its number and with SO_REUSEADDR, as Go's programs do, may listen on.
class KeptPort {
 public:
  // A free one of `host`, an IPv4 or IPv6 address. invalid_argument for one that is not this
  // host's.
  static Result<KeptPort> On(const std::string& host);

  std::uint16_t number() const { return number_; }

 private:
  KeptPort(UniqueFd socket, std::uint16_t number) : socket_(std::move(socket)), number_(number) {}

  UniqueFd socket_;
  std::uint16_t number_;
};

}  // namespace twinseal::etcd
