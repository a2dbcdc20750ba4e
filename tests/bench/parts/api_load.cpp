#include "tests/bench/parts/api_load.h"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/parts/fail.h"

namespace twinseal::bench {
namespace {

int Connect(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
    Fail("cannot resolve the appliance");
  const int fd = socket(found->ai_family, found->ai_socktype, 0);
  if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
    Fail("cannot connect to the appliance");
  freeaddrinfo(found);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// A client: one connection that is kept, one request at a time.
class Connection {
 public:
  Connection(SSL_CTX* context, const ApiAccess& access)
      : fd_(Connect(access.host, access.port)), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) Fail("the TLS handshake with the appliance failed");
    if (fcntl(fd_, F_SETFL, O_NONBLOCK) != 0) Fail("a socket cannot be made non-blocking");
  }
  ~Connection() {
    SSL_free(ssl_);
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }

  void Send(const std::string& request) {
    have_ = 0;
    sent_ = Clock::now();
    if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0)
      Fail("the appliance hung up");
  }

  // Takes what is there; true when the answer is whole.
  bool Receive() {
    while (true) {
      if (have_ == answer_.size()) answer_.resize(answer_.size() * 2);
      const int got =
          SSL_read(ssl_, answer_.data() + have_, static_cast<int>(answer_.size() - have_));
      if (got <= 0 && SSL_get_error(ssl_, got) == SSL_ERROR_WANT_READ) return false;
      if (got <= 0) Fail("the appliance hung up");
      have_ += static_cast<std::size_t>(got);
      const std::string_view answer(answer_.data(), have_);
      const std::size_t whole = WholeSize(answer);
      if (whole == 0 || have_ < whole) continue;
      if (!answer.starts_with("HTTP/1.1 200")) Fail(answer);
      return true;
    }
  }

  double MicrosecondsSince() const {
    return std::chrono::duration<double, std::micro>(Clock::now() - sent_).count();
  }

 private:
  // Headers and body, once the headers are there; 0 before.
  static std::size_t WholeSize(std::string_view answer) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    constexpr std::string_view kLength = "content-length: ";
    const std::size_t end = answer.find(kEnd);
    if (end == std::string_view::npos) return 0;
    for (std::size_t at = 0; at + kLength.size() < end; ++at) {
      if (strncasecmp(answer.data() + at, kLength.data(), kLength.size()) == 0) {
        return end + kEnd.size() + std::strtoul(answer.data() + at + kLength.size(), nullptr, 10);
      }
    }
    Fail("an answer without Content-Length");
  }

  int fd_;
  SSL* ssl_;
  Clock::time_point sent_;
  std::size_t have_ = 0;
  std::string answer_ = std::string(64 * 1024, '\0');
};

}  // namespace

struct ApiLoad::State {
  ApiAccess access;
  SSL_CTX* context = nullptr;
  int epoll = -1;
  std::vector<std::unique_ptr<Connection>> connections;

  void Open();
};

void ApiLoad::State::Open() {
  Connection& opened = *connections.emplace_back(std::make_unique<Connection>(context, access));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &opened;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, opened.fd(), &event) != 0)
    Fail("epoll does not take a socket");
}

ApiLoad::ApiLoad(ApiAccess access) : state_(std::make_unique<State>()) {
  state_->access = std::move(access);
  const ApiAccess& a = state_->access;
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_load_verify_locations(context, a.ca.c_str(), nullptr) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, a.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, a.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    Fail("cannot read the operator's certificate, key or CA");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  state_->context = context;
  state_->epoll = epoll_create1(EPOLL_CLOEXEC);
}

ApiLoad::~ApiLoad() {
  state_->connections.clear();
  SSL_CTX_free(state_->context);
  close(state_->epoll);
}

Sample ApiLoad::Run(unsigned clients, const std::string& procedure, const Bytes& body,
                    unsigned signatures, Milliseconds duration) {
  State& s = *state_;
  while (s.connections.size() < clients) s.Open();
  std::string request =
      "POST /twinseal.v1." + procedure + " HTTP/1.1\r\nHost: " + s.access.host +
      "\r\nContent-Type: application/proto\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n";
  request.append(AsText(body));

  Sample sample;
  std::uint64_t made = 0;
  const auto end = Clock::now() + duration;
  for (unsigned i = 0; i < clients; ++i) s.connections[i]->Send(request);
  std::array<epoll_event, 64> ready{};
  for (unsigned waiting = clients; waiting > 0;) {
    const int count = epoll_wait(s.epoll, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      Connection& client = *static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
      if (!client.Receive()) continue;
      if (Clock::now() >= end) {
        --waiting;
        continue;
      }
      made += signatures;
      sample.latencies_us.push_back(client.MicrosecondsSince());
      client.Send(request);
    }
  }
  sample.per_second = static_cast<double>(made) / std::chrono::duration<double>(duration).count();
  return sample;
}

}  // namespace twinseal::bench
