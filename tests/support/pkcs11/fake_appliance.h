// An appliance in the test's process, as clients call it. It does what the test says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/connect/server.h"
#include "tests/support/certificates.h"
#include "tests/support/pkcs11/fake_domain.h"

namespace twinseal::test {

// Keeps its port while it is stopped. The domain outlives it. Thread-safe, but Start and Kill.
class FakeAppliance {
 public:
  FakeAppliance(const TestCa& ca, FakeDomain& domain);

  // It comes back after Kill.
  void Start();
  // Ends it and its connections at once.
  void Kill() { server_.reset(); }

  std::uint16_t port() const { return port_; }
  std::string Endpoint() const { return "https://127.0.0.1:" + std::to_string(port_); }

  // How many connections were made since it started.
  std::uint64_t connections() const { return server_->counts().connections_accepted; }

  // What requests get from now on: what is asked for, an error, or nothing.
  void Serve() TWINSEAL_EXCLUDES(mutex_);
  void Fail(const Error& error) TWINSEAL_EXCLUDES(mutex_);
  void Hold() TWINSEAL_EXCLUDES(mutex_);
  // Answers what it has held, and serves again.
  void Release() TWINSEAL_EXCLUDES(mutex_);

  // How many requests came, of one procedure ("Sign") or of all.
  std::size_t requests(const std::string& procedure) const TWINSEAL_EXCLUDES(mutex_);
  std::size_t requests() const TWINSEAL_EXCLUDES(mutex_);
  // Blocks until that many have come.
  void AwaitRequests(std::size_t count) TWINSEAL_EXCLUDES(mutex_);

 private:
  template <typename Query, typename Answer>
  void Offer(connect::Router& router, const std::string& service, const std::string& procedure,
             std::function<Result<Answer>(const Query&)> work);
  void Take(const std::string& procedure, std::function<void(std::optional<Error>)> answer)
      TWINSEAL_EXCLUDES(mutex_);
  connect::Router Routes();

  FakeDomain& domain_;
  const std::shared_ptr<const crypto::ServerTls> tls_;
  std::uint16_t port_ = 0;

  mutable Mutex mutex_;
  Condition changed_;
  std::optional<Error> error_ TWINSEAL_GUARDED_BY(mutex_);
  bool holds_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::size_t> requests_ TWINSEAL_GUARDED_BY(mutex_);
  std::size_t all_requests_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::vector<std::function<void()>> held_ TWINSEAL_GUARDED_BY(mutex_);
  std::unique_ptr<connect::Server> server_;
};

}  // namespace twinseal::test
