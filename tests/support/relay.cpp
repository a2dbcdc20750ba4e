#include "tests/support/relay.h"

#include <array>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace twinseal::test {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd Socket() { return UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

// What is there to read; false at the end.
bool Pass(int from, int to) {
  std::array<char, 65536> bytes;
  const ssize_t read = recv(from, bytes.data(), bytes.size(), 0);
  if (read <= 0) return false;
  for (ssize_t sent = 0; sent < read;) {
    const ssize_t more =
        send(to, bytes.data() + sent, static_cast<std::size_t>(read - sent), MSG_NOSIGNAL);
    if (more <= 0) return false;
    sent += more;
  }
  return true;
}

}  // namespace

Relay::Relay(std::uint16_t target, Kind kind)
    : kind_(kind), listener_(Socket()), wake_(eventfd(0, EFD_CLOEXEC)), target_(target) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  constexpr int kBacklog = 128;
  if (bind(listener_.get(), generic, length) != 0 || listen(listener_.get(), kBacklog) != 0 ||
      getsockname(listener_.get(), generic, &length) != 0) {
    throw std::runtime_error("a relay cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Relay::~Relay() {
  ended_.store(true);
  Wake();
  thread_.join();
}

void Relay::Lead(std::uint16_t target) { target_.store(target); }

void Relay::Freeze() {
  frozen_.store(true);
  Wake();
  held_.wait(false);
}

void Relay::Cut() {
  cut_.store(true);
  Wake();
  cut_.wait(true);
}

std::vector<std::string> Relay::Asked() const {
  const MutexLock lock(mutex_);
  return asked_;
}

void Relay::Wake() const {
  if (eventfd_write(wake_.get(), 1) != 0) throw std::runtime_error("a relay cannot be woken");
}

void Relay::Run() {
  std::vector<Link> links;
  while (!ended_.load()) {
    const bool frozen = frozen_.load();
    if (frozen) {
      held_.store(true);
      held_.notify_all();
    }
    std::vector<pollfd> waits = {{wake_.get(), POLLIN, 0},
                                 {frozen ? -1 : listener_.get(), POLLIN, 0}};
    for (const Link& link : links) {
      waits.push_back({frozen ? -1 : link.client.get(), POLLIN, 0});
      waits.push_back({frozen ? -1 : link.server.get(), POLLIN, 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0) continue;
    std::vector<Link> open;
    for (std::size_t i = 0; i < links.size(); ++i) {
      Link& link = links[i];
      const bool from_client = waits[2 + 2 * i].revents != 0;
      const bool from_server = waits[3 + 2 * i].revents != 0;
      if (from_client && !Pass(link.client.get(), link.server.get())) continue;
      if (from_server && !Pass(link.server.get(), link.client.get())) continue;
      open.push_back(std::move(link));
    }
    links = std::move(open);
    if (waits[0].revents != 0) {
      eventfd_t woken = 0;
      static_cast<void>(eventfd_read(wake_.get(), &woken));
    }
    if (cut_.load()) {
      links.clear();
      cut_.store(false);
      cut_.notify_all();
    }
    if (waits[1].revents != 0) Accept(links);
  }
}

void Relay::Accept(std::vector<Link>& links) {
  Link link{UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), Socket()};
  const std::uint16_t target = target_.load();
  if (target == 0 || !link.client.valid()) return;
  if (kind_ == Kind::kProxy && !Agree(link.client.get())) return;
  const sockaddr_in address = Loopback(target);
  if (connect(link.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    links.push_back(std::move(link));
}

bool Relay::Agree(int client) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte = 0;
    if (recv(client, &byte, 1, 0) != 1) return false;
    head.push_back(byte);
  }
  {
    const MutexLock lock(mutex_);
    asked_.push_back(head.substr(0, head.find('\r')));
  }
  const std::string agreed = "HTTP/1.1 200 Connection established\r\n\r\n";
  return send(client, agreed.data(), agreed.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(agreed.size());
}

}  // namespace twinseal::test
