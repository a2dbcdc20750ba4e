#include "common/connect/exchange.h"

#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

namespace twinseal::connect {
namespace {

class ExchangeSink : public Responder::Sink {
 public:
  explicit ExchangeSink(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~ExchangeSink() override {
    exchange_->Answer(
        ErrorResponse(Error(Code::kInternal, "the appliance gave no answer to the request")));
  }
  ExchangeSink(const ExchangeSink&) = delete;
  ExchangeSink& operator=(const ExchangeSink&) = delete;

  void Send(Response response) override { exchange_->Answer(std::move(response)); }

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace

Responder Exchange::MakeResponder() {
  return Responder(std::make_shared<ExchangeSink>(shared_from_this()));
}

void Exchange::Answer(Response response) {
  Waiter waiter;
  {
    const MutexLock lock(mutex_);
    if (answered_) return;
    answered_ = true;
    response_ = std::move(response);
    waiter = std::exchange(waiter_, nullptr);
  }
  if (waiter) Resume(std::move(waiter));
}

void Exchange::Park(Waiter waiter) {
  {
    const MutexLock lock(mutex_);
    if (!answered_) {
      work_.emplace(worker_->executor());
      waiter_ = std::move(waiter);
      return;
    }
  }
  Resume(std::move(waiter));
}

void Exchange::Resume(Waiter waiter) {
  boost::asio::post(worker_->executor(), [self = shared_from_this(), waiter = std::move(waiter)] {
    {
      const MutexLock lock(self->mutex_);
      self->work_.reset();
    }
    waiter();
  });
}

Awaitable<Response> Exchange::Wait() {
  bool answered = false;
  {
    const MutexLock lock(mutex_);
    answered = answered_;
  }
  if (!answered) {
    co_await boost::asio::async_initiate<const Use, void()>(
        [this](auto handler) {
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          Park([shared] { std::move (*shared)(); });
        },
        kUseAwaitable);
  }
  const MutexLock lock(mutex_);
  co_return std::move(*response_);
}

}  // namespace twinseal::connect
