#include "common/client/caller.h"

#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/client/errand.h"
#include "common/client/health.h"
#include "common/connect/client_call.h"
#include "common/https/pool.h"
#include "common/https/race.h"

namespace twinseal::client {

using connect::CallOptions;

class Caller::Impl {
 public:
  explicit Impl(connect::ClientOptions options)
      : endpoints_(std::move(options.endpoints)),
        identity_{std::move(options.ca_pem), std::move(options.certificate_pem),
                  std::move(options.key_pem), std::move(options.proxy), options.any_server},
        health_(endpoints_.size(), Clock::now()),
        common_{endpoints_, options.connect_timeout, health_, stopped_} {}

  const std::vector<std::string>& endpoints() const { return endpoints_; }

  Result<Answer> Exchange(std::string_view path, const std::string& body,
                          const CallOptions& options) {
    const UnderWay under_way(*this);
    const Health::Plan plan = health_.Order(path, options.repeatable, Clock::now());
    return Errand(common_, {path, body, options}, under_way.race(), plan).Run();
  }

  Result<Answer> ExchangeAt(std::size_t endpoint, std::string_view path, const std::string& body,
                            CallOptions options) {
    options.persist = std::chrono::milliseconds(0);
    const UnderWay under_way(*this);
    return Errand(common_, {path, body, options}, under_way.race(), {{endpoint}}).Run();
  }

  Result<std::string> GetAt(std::size_t endpoint, std::string_view path,
                            const CallOptions& options) {
    const UnderWay under_way(*this);
    https::Race& race = under_way.race();
    race.Enter(endpoint, {endpoints_[endpoint] + std::string(path),
                          {},
                          nullptr,
                          {options.timeout, common_.connect_timeout}});
    while (!stopped_.load()) {
      // libcurl minds the time.
      if (auto finish = race.Next(Time::max()))
        return connect::ReadPlainOutcome(endpoints_[endpoint], std::move(finish->outcome));
    }
    race.Clear();
    return Error(Code::kCanceled, "the call was ended: its client is closed");
  }

  void Stop() TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    stopped_.store(true);
    for (https::Race* const race : racing_) race->Wake();
    while (calls_ > 0) ended_.Wait(mutex_);
  }

 private:
  // A call that Stop must end, and wait for until it has left everything here alone.
  class UnderWay {
   public:
    explicit UnderWay(Impl& impl) : impl_(impl) {
      {
        const MutexLock lock(impl_.mutex_);
        ++impl_.calls_;
      }
      lease_.emplace(impl_.races_.Take());
      const MutexLock lock(impl_.mutex_);
      impl_.racing_.push_back(&race());
    }
    ~UnderWay() {
      {
        const MutexLock lock(impl_.mutex_);
        std::erase(impl_.racing_, &race());
      }
      lease_.reset();
      const MutexLock lock(impl_.mutex_);
      if (--impl_.calls_ == 0) impl_.ended_.NotifyAll();
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

    https::Race& race() const { return **lease_; }

   private:
    Impl& impl_;
    std::optional<https::Pool<https::Race>::Lease> lease_;
  };

  const std::vector<std::string> endpoints_;
  const https::Identity identity_;
  std::atomic<bool> stopped_{false};
  Health health_;
  const Errands common_;
  https::Pool<https::Race> races_{identity_, connect::kMaxAnswerBytes};
  Mutex mutex_;
  Condition ended_;
  std::size_t calls_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::vector<https::Race*> racing_ TWINSEAL_GUARDED_BY(mutex_);
};

Caller::Caller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Caller::~Caller() { impl_->Stop(); }

Result<std::unique_ptr<Caller>> Caller::Create(connect::ClientOptions options) {
  TWINSEAL_RETURN_IF_ERROR(connect::CheckOptions(options));
  TWINSEAL_RETURN_IF_ERROR(https::Start());
  return std::unique_ptr<Caller>(new Caller(std::make_unique<Impl>(std::move(options))));
}

std::size_t Caller::endpoint_count() const { return impl_->endpoints().size(); }
const std::string& Caller::endpoint(std::size_t index) const { return impl_->endpoints()[index]; }

Result<Answer> Caller::Exchange(std::string_view path, const std::string& body,
                                const CallOptions& options) {
  return impl_->Exchange(path, body, options);
}

Result<Answer> Caller::ExchangeAt(std::size_t endpoint, std::string_view path,
                                  const std::string& body, const CallOptions& options) {
  return impl_->ExchangeAt(endpoint, path, body, options);
}

Result<std::string> Caller::GetAt(std::size_t endpoint, std::string_view path,
                                  const CallOptions& options) {
  return impl_->GetAt(endpoint, path, options);
}

void Caller::Stop() { impl_->Stop(); }

}  // namespace twinseal::client
