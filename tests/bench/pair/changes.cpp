#include "tests/bench/pair/changes.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "common/base/mutex.h"
#include "common/base/types.h"
#include "tests/bench/pair/clients.h"
#include "tests/bench/parts/fail.h"
#include "tests/bench/parts/measure.h"
#include "twinseal/v1/keys.pb.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::bench {
namespace {

constexpr std::chrono::seconds kChangeWithin{60};
constexpr std::size_t kWordsKept = 5;

Status Create(client::Caller& client, const std::string& key) {
  v1::CreateKeyRequest request;
  request.set_request_id(KeyId::Random().Hex());
  request.set_name(key);
  request.set_algorithm(v1::EC_P256);
  v1::Key response;
  return client.Call(ProcedurePath("KeyService/CreateKey"), request, response,
                     {.timeout = kChangeWithin});
}

Status ChangeState(client::Caller& client, const std::string& procedure, const std::string& key) {
  v1::ChangeKeyRequest request;
  request.set_request_id(KeyId::Random().Hex());
  request.set_key(key);
  v1::Key response;
  return client.Call(ProcedurePath(procedure), request, response, {.timeout = kChangeWithin});
}

// What several threads bring together.
class Collected {
 public:
  void Add(const Status& done, double latency_us) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    sweep_.latencies_us.push_back(latency_us);
    if (done.ok()) return;
    ++sweep_.failed;
    if (sweep_.why.size() < kWordsKept) sweep_.why.push_back(done.error().Describe());
  }
  Sweep Take() TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return std::move(sweep_);
  }

 private:
  Mutex mutex_;
  Sweep sweep_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace

Change ParseChange(const std::string& text) {
  if (text == "create") return Change::kCreate;
  if (text == "disable") return Change::kDisable;
  if (text == "enable") return Change::kEnable;
  Fail("there is no change '" + text + "'");
}

std::string KeyName(const std::string& prefix, std::size_t number) {
  return fmt::format("{}-{}", prefix, number);
}

Status Make(client::Caller& client, Change change, const std::string& key) {
  switch (change) {
    case Change::kCreate:
      return Create(client, key);
    case Change::kDisable:
      return ChangeState(client, "KeyService/DisableKey", key);
    case Change::kEnable:
      return ChangeState(client, "KeyService/EnableKey", key);
  }
  Fail("a change of no kind");
}

Sweep MakeAll(const std::vector<client::Caller*>& clients, Change change, const std::string& prefix,
              Numbers keys) {
  std::atomic<std::size_t> next{keys.from};
  Collected collected;
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (client::Caller* const client : clients) {
    threads.emplace_back([&, client] {
      for (std::size_t i; (i = next.fetch_add(1)) < keys.from + keys.count;) {
        const auto began = Clock::now();
        const Status done = Make(*client, change, KeyName(prefix, i));
        collected.Add(done,
                      std::chrono::duration<double, std::micro>(Clock::now() - began).count());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  Sweep sweep = collected.Take();
  sweep.seconds = seconds;
  return sweep;
}

void AskAtOnce(const std::vector<client::Caller*>& clients, std::vector<Asked>& changes) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    threads.emplace_back([&client = *clients[i], &asked = changes[i]] {
      const Status done = Make(client, asked.change, asked.key);
      asked.answered = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
      if (!done.ok()) asked.error = done.error().Describe();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Standing LookAt(client::Caller& client, const std::string& prefix, Numbers keys, std::size_t step) {
  Standing standing;
  for (std::size_t i = keys.from; i < keys.from + keys.count; i += step) {
    v1::SignRequest request;
    request.set_key(KeyName(prefix, i));
    request.set_digest(std::string(32, 'd'));
    v1::SignResponse response;
    const Status done =
        client.CallAt(0, ProcedurePath("SigningService/Sign"), request, response, {});
    if (done.ok()) {
      ++standing.sign;
    } else if (done.error().code() == Code::kFailedPrecondition) {
      ++standing.refused;
    } else if (standing.other.size() < kWordsKept) {
      standing.other.push_back(done.error().Describe());
    }
  }
  return standing;
}

}  // namespace twinseal::bench
