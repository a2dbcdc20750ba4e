// An I/O thread of the server and the connections that it drives. For the server's files.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinseal::connect {

using Clock = std::chrono::steady_clock;
// Named in full, as Asio's type-erased executor costs an allocation here and there.
using Executor = boost::asio::io_context::executor_type;
template <typename T>
using Awaitable = boost::asio::awaitable<T, Executor>;
using Use = boost::asio::use_awaitable_t<Executor>;
inline constexpr Use kUseAwaitable{};
using Tcp = boost::asio::ip::tcp;
using Socket = boost::asio::basic_stream_socket<Tcp, Executor>;

// What a worker looks after.
class Driven {
 public:
  virtual ~Driven() = default;
  // Ends what has taken too long.
  virtual void CheckTime(Clock::time_point now) = 0;
  // The server stops: ends if nothing is under way.
  virtual void EndIfIdle() = 0;
  // Ends now.
  virtual void Abort() = 0;
};

// One thread with its own event loop. Connections stay with their worker, so that nothing of a
// connection needs a lock. Everything but Start, Join and executor() is called in that thread.
class Worker : public std::enable_shared_from_this<Worker> {
 public:
  // Times are checked this often while there are connections: one timer a thread instead of one for
  // each step of each connection, which would cost system calls with every request.
  explicit Worker(Clock::duration tick);

  void Start();
  // Lets the loop end when its work has ended, and waits for it.
  void Join();
  Executor executor() { return context_.get_executor(); }

  void Add(Driven* driven);
  void Remove(Driven* driven);
  void EndIdle();
  void AbortAll();

  // An HTTP date (RFC 9110 §5.6.7), made once a second.
  std::string_view Date();

 private:
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;

  void Tick();

  const Clock::duration tick_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<Executor> work_;
  Timer timer_;
  bool ticking_ = false;
  std::set<Driven*> driven_;
  std::time_t date_second_ = 0;
  std::string date_;
  std::thread thread_;
};

}  // namespace twinseal::connect
