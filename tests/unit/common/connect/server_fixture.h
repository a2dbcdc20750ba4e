// A server with a few routes on a free port, and clients for it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/mutex.h"
#include "common/client/caller.h"
#include "common/connect/server.h"
#include "tests/support/certificates.h"
#include "tests/unit/common/connect/raw_client.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::connect {

// Calls that came in and wait for the test to answer them.
class HeldCalls {
 public:
  void Hold(Reply<v1::Key> reply) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    replies_.push_back(std::move(reply));
    changed_.NotifyAll();
  }
  // Blocks until there is one.
  Reply<v1::Key> Take() TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    while (replies_.empty()) changed_.Wait(mutex_);
    Reply<v1::Key> reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::deque<Reply<v1::Key>> replies_ TWINSEAL_GUARDED_BY(mutex_);
};

// What the observer saw.
class Observations {
 public:
  void Add(const Observation& seen) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    seen_.emplace_back(seen.path, seen.http_status);
  }
  std::vector<std::pair<std::string, int>> All() TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return seen_;
  }

 private:
  Mutex mutex_;
  std::vector<std::pair<std::string, int>> seen_ TWINSEAL_GUARDED_BY(mutex_);
};

class ServerTest : public testing::Test {
 protected:
  static constexpr std::string_view kEcho =
      "/test.Service/Echo";  // Answers with the name asked for.
  static constexpr std::string_view kHold = "/test.Service/Hold";    // Answers when the test does.
  static constexpr std::string_view kDrop = "/test.Service/Drop";    // Never answers.
  static constexpr std::string_view kThrow = "/test.Service/Throw";  // Throws.
  static constexpr std::string_view kSmall =
      "/test.Service/Small";  // As Echo, bodies of at most 64 bytes.
  static constexpr std::string_view kClosed =
      "/test.Service/Closed";  // Whose check refuses everybody.
  static constexpr std::string_view kHealth = "/healthz";
  static constexpr std::string_view kPlain = "/plain";  // A POST of application/ocsp-request.

  void Start(ServerLimits limits = {}, unsigned threads = 2);
  Router Routes();

  // With a client certificate; its handshake done.
  std::unique_ptr<RawClient> Connected();
  std::unique_ptr<RawClient> Anonymous();
  std::unique_ptr<client::Caller> CurlClient();
  ClientOptions CurlOptions();
  std::string Endpoint() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }

  TestCa ca_;
  Identity appliance_ = ca_.Server();
  Identity operator_ = ca_.Client("alice");
  std::shared_ptr<const crypto::ServerTls> tls_ = ca_.ServerTls(appliance_);
  HeldCalls held_;
  Observations observations_;
  std::unique_ptr<Server> server_;
};

}  // namespace twinseal::connect
