#include "common/connect/server.h"

#include <algorithm>
#include <future>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include "common/base/mutex.h"
#include "common/connect/connection.h"
#include "common/connect/server_state.h"
#include "common/connect/worker.h"

namespace twinseal::connect {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<Tcp, Executor>;
using Milliseconds = std::chrono::milliseconds;

// When accepting fails, it is mostly for want of file descriptors; connections that end free some.
constexpr Milliseconds kAcceptPause{100};

// Often enough that a time limit is kept to an eighth of itself, and not so often that it costs
// anything.
Clock::duration TickFor(const ServerLimits& limits) {
  constexpr int kPart = 8;
  const Milliseconds shortest =
      std::min({limits.handshake_timeout, limits.header_timeout, limits.body_timeout,
                limits.idle_timeout, limits.write_timeout, limits.request_timeout});
  return std::clamp<Milliseconds>(shortest / kPart, Milliseconds(5), Milliseconds(100));
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Router router)
      : state_(std::make_shared<ServerState>(std::move(options), std::move(router))) {
    const Clock::duration tick = TickFor(state_->options.limits);
    for (unsigned i = 0; i < std::max(1U, state_->options.threads); ++i) {
      workers_.push_back(std::make_shared<Worker>(tick));
    }
  }

  Status Listen() {
    const ServerOptions& options = state_->options;
    error_code error;
    const asio::ip::address address = asio::ip::make_address(options.address, error);
    if (error) {
      return Error(Code::kInvalidArgument,
                   fmt::format("'{}' is not an IP address to listen on", options.address));
    }
    acceptor_.emplace(workers_.front()->executor());
    const Tcp::endpoint endpoint(address, options.port);
    acceptor_->open(endpoint.protocol(), error);
    if (!error) acceptor_->set_option(Acceptor::reuse_address(true), error);
    if (!error) acceptor_->bind(endpoint, error);
    if (!error) acceptor_->listen(Acceptor::max_listen_connections, error);
    if (!error) port_ = acceptor_->local_endpoint(error).port();
    if (!error) return Ok();
    return Error(Code::kUnavailable,
                 fmt::format("cannot listen on {} port {}: {}; is another program using it?",
                             options.address, options.port, error.message()));
  }

  void Run() {
    asio::co_spawn(workers_.front()->executor(), Accept(),
                   [this](const std::exception_ptr&) { accept_ended_.set_value(); });
    for (const auto& worker : workers_) worker->Start();
  }

  void Stop(Milliseconds drain) {
    const MutexLock lock(stopping_);
    if (stopped_) return;
    stopped_ = true;
    state_->stopping.store(true, std::memory_order_relaxed);
    asio::post(workers_.front()->executor(), [this] {
      error_code ignored;
      acceptor_->close(ignored);
      pause_->cancel();
    });
    // After this no connection comes any more, and those that came have reached their workers'
    // queues.
    accept_ended_.get_future().wait();
    for (const auto& worker : workers_)
      asio::post(worker->executor(), [worker] { worker->EndIdle(); });
    WaitForConnections(Clock::now() + drain);
    for (const auto& worker : workers_)
      asio::post(worker->executor(), [worker] { worker->AbortAll(); });
    for (const auto& worker : workers_) worker->Join();
  }

  std::uint16_t port() const { return port_; }

  ServerCounts counts() const {
    const auto read = [](const std::atomic<std::uint64_t>& count) {
      return count.load(std::memory_order_relaxed);
    };
    return {read(state_->connections_open),    read(state_->connections_accepted),
            read(state_->connections_refused), read(state_->handshakes_failed),
            read(state_->requests_in_flight),  read(state_->requests_answered)};
  }

 private:
  Awaitable<void> Accept() {
    pause_.emplace(workers_.front()->executor());
    std::size_t next = 0;
    while (acceptor_->is_open()) {
      const std::shared_ptr<Worker> worker = workers_[next];
      error_code error;
      Socket socket = co_await acceptor_->async_accept(worker->executor(),
                                                       asio::redirect_error(kUseAwaitable, error));
      if (error == asio::error::operation_aborted) continue;
      if (error) {
        pause_->expires_after(kAcceptPause);
        co_await pause_->async_wait(asio::redirect_error(kUseAwaitable, error));
        continue;
      }
      next = (next + 1) % workers_.size();
      Take(worker, std::move(socket));
    }
  }

  void Take(const std::shared_ptr<Worker>& worker, Socket socket) {
    state_->connections_accepted.fetch_add(1, std::memory_order_relaxed);
    if (state_->connections_open.load() >= state_->options.limits.max_connections) {
      state_->connections_refused.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    state_->connections_open.fetch_add(1);
    asio::post(worker->executor(), [this, worker, socket = std::move(socket)]() mutable {
      StartConnection(state_, worker, std::move(socket), [this] { ConnectionEnded(); });
    });
  }

  void ConnectionEnded() TWINSEAL_EXCLUDES(waiting_) {
    const MutexLock lock(waiting_);
    state_->connections_open.fetch_sub(1);
    ended_.NotifyAll();
  }

  void WaitForConnections(Clock::time_point until) TWINSEAL_EXCLUDES(waiting_) {
    const MutexLock lock(waiting_);
    while (state_->connections_open.load() != 0) {
      if (!ended_.WaitUntil(waiting_, until)) return;
    }
  }

  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

  const std::shared_ptr<ServerState> state_;
  std::vector<std::shared_ptr<Worker>> workers_;
  std::optional<Acceptor> acceptor_;  // In the first worker's thread, as is pause_.
  std::optional<Timer> pause_;
  std::promise<void> accept_ended_;
  std::uint16_t port_ = 0;

  Mutex stopping_;
  bool stopped_ TWINSEAL_GUARDED_BY(stopping_) = false;
  Mutex waiting_;
  Condition ended_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { Stop(Milliseconds::zero()); }

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Router router) {
  TWINSEAL_RETURN_IF_ERROR(router.Validate());
  if (options.tls == nullptr)
    return Error(Code::kInternal, "a server needs a source of TLS certificates");
  auto impl = std::make_unique<Impl>(std::move(options), std::move(router));
  TWINSEAL_RETURN_IF_ERROR(impl->Listen());
  impl->Run();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::uint16_t Server::port() const { return impl_->port(); }
ServerCounts Server::counts() const { return impl_->counts(); }
void Server::Stop(std::chrono::milliseconds drain) { impl_->Stop(drain); }

}  // namespace twinseal::connect
