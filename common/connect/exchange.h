// One request's answer on its way from a handler's thread to the connection's. For the server's
// files.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/executor_work_guard.hpp>

#include "common/base/mutex.h"
#include "common/connect/router.h"
#include "common/connect/worker.h"

namespace twinseal::connect {

// Thread-safe.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // Answers without being waited for are kept. The worker must outlive the waiting, which the share
  // sees to.
  explicit Exchange(std::shared_ptr<Worker> worker) : worker_(std::move(worker)) {}

  // A responder for this exchange's handler; its last copy answers `internal` when nobody else has.
  Responder MakeResponder();

  // The first call counts, from whichever thread.
  void Answer(Response response);

  // The answer, once; in the worker's thread.
  Awaitable<Response> Wait();

 private:
  // Not Asio's any_completion_handler: Boost 1.81's moves itself into itself without end.
  using Waiter = std::function<void()>;

  void Park(Waiter waiter);
  void Resume(Waiter waiter);

  const std::shared_ptr<Worker> worker_;
  Mutex mutex_;
  bool answered_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::optional<Response> response_ TWINSEAL_GUARDED_BY(mutex_);
  Waiter waiter_ TWINSEAL_GUARDED_BY(mutex_);
  // Keeps the worker's loop from ending while the connection waits: a parked handler is no work
  // that Asio knows of.
  std::optional<boost::asio::executor_work_guard<Executor>> work_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::connect
