#include "tests/bench/pair/signing.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/types.h"
#include "tests/bench/pair/clients.h"
#include "tests/bench/parts/fail.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::bench {
namespace {

// As an application would have it: an answer in this time, wherever it comes from.
constexpr std::chrono::seconds kSignWithin{10};
constexpr std::size_t kFailuresTold = 5;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Status SignOnce(client::Caller& client, const std::string& key) {
  const std::string half = ToString(KeyId::Random().bytes());
  v1::SignRequest request;
  request.set_key(key);
  request.set_digest(half + half);
  v1::SignResponse response;
  return client.Call(ProcedurePath("SigningService/Sign"), request, response,
                     {.timeout = kSignWithin});
}

Sample SignFor(const std::vector<client::Caller*>& clients, const std::vector<std::string>& keys,
               Milliseconds duration) {
  return RunFor(static_cast<unsigned>(clients.size()), duration, [&](unsigned thread) {
    client::Caller& client = *clients[thread];
    const std::string& key = keys[thread % keys.size()];
    return [&client, &key] {
      if (const Status done = SignOnce(client, key); !done.ok()) Fail(done.error().Describe());
      return 1U;
    };
  });
}

SigningLoad::SigningLoad(std::vector<client::Caller*> clients, std::vector<std::string> keys)
    : keys_(std::move(keys)) {
  for (std::size_t i = 0; i < clients.size(); ++i) {
    threads_.emplace_back(
        [this, &client = *clients[i], &key = keys_[i % keys_.size()]] { Run(client, key); });
  }
}

SigningLoad::~SigningLoad() {
  stop_.store(true);
  for (std::thread& thread : threads_) thread.join();
}

void SigningLoad::Run(client::Caller& client, const std::string& key) {
  while (!stop_.load()) {
    const auto started = Clock::now();
    Record(SignOnce(client, key), started);
  }
}

void SigningLoad::Record(const Status& signed_, Clock::time_point started) {
  const MutexLock lock(mutex_);
  const auto now = Clock::now();
  window_.longest_call = std::max(window_.longest_call, Seconds(now - started));
  if (!signed_.ok()) {
    ++window_.failed;
    if (window_.why.size() < kFailuresTold) window_.why.push_back(signed_.error().Describe());
    return;
  }
  ++window_.finished;
  window_.longest_gap = std::max(window_.longest_gap, Seconds(now - last_));
  last_ = now;
}

Window SigningLoad::Take() {
  const MutexLock lock(mutex_);
  window_.longest_gap = std::max(window_.longest_gap, Seconds(Clock::now() - last_));
  return std::exchange(window_, {});
}

}  // namespace twinseal::bench
