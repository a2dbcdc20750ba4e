#include "common/etcd/address.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace twinseal::etcd {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* any() { return reinterpret_cast<sockaddr*>(&storage); }
};

// With port 0.
bool FillIn(const std::string& host, SocketAddress& address) {
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    address.size = sizeof v4;
    return true;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    address.size = sizeof v6;
    return true;
  }
  return false;
}

}  // namespace

std::string Address::Text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<Address> ParseAddress(std::string_view text, std::string_view setting) {
  const Error wrong(
      Code::kInvalidArgument,
      fmt::format("{} is \"{}\"; give HOST:PORT, or [ADDRESS]:PORT for IPv6", setting, text));
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  Address address;
  const auto [end, failure] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (failure != std::errc() || end != digits.data() + digits.size()) return wrong;
  const bool bracketed = host.front() == '[';
  if (bracketed) {
    if (host.size() < 3 || host.back() != ']') return wrong;
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":/@ ,=") != std::string_view::npos) {
    return wrong;
  }
  address.host = host;
  return address;
}

Result<KeptPort> KeptPort::On(const std::string& host) {
  const auto refused = [&host] {
    return Error(Code::kInvalidArgument,
                 fmt::format("no port of {} can be used: {}", host, strerror(errno)));
  };
  SocketAddress address;
  if (!FillIn(host, address)) {
    return Error(Code::kInvalidArgument,
                 fmt::format("\"{}\" is no IP address; give one of this host's", host));
  }
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!socket.valid() || setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(socket.get(), address.any(), address.size) != 0 ||
      getsockname(socket.get(), address.any(), &address.size) != 0) {
    return refused();
  }
  const std::uint16_t port = address.storage.ss_family == AF_INET
                                 ? reinterpret_cast<sockaddr_in&>(address.storage).sin_port
                                 : reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port;
  return KeptPort(std::move(socket), ntohs(port));
}

}  // namespace twinseal::etcd
