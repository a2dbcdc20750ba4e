// Appliances that do what the test says, and callers that know them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/mutex.h"
#include "common/client/caller.h"
#include "common/connect/server.h"
#include "tests/support/certificates.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::client {

// A server with one procedure.
class Site {
 public:
  enum class Manner {
    kServe,   // Answers with its own name and the name that was asked for.
    kRefuse,  // `unavailable`
    kForbid,  // `permission_denied`
    kHold,    // Answers nothing.
  };

  Site(std::string name, const test::TestCa& ca);

  std::uint16_t port() const { return server_->port(); }
  std::string Endpoint() const { return "https://127.0.0.1:" + std::to_string(port()); }
  std::uint64_t connections() const { return server_->counts().connections_accepted; }

  void Be(Manner manner) TWINSEAL_EXCLUDES(mutex_);
  // Answers what it has held.
  void Release() TWINSEAL_EXCLUDES(mutex_);
  // How many requests came.
  std::size_t requests() const TWINSEAL_EXCLUDES(mutex_);
  // Blocks until that many have come.
  void AwaitRequests(std::size_t count) TWINSEAL_EXCLUDES(mutex_);
  // The request ids, in the order in which they came.
  std::vector<std::string> ids() const TWINSEAL_EXCLUDES(mutex_);
  // Ends it and its connections at once.
  void Kill() { server_->Stop(std::chrono::milliseconds(0)); }

 private:
  struct Held {
    v1::Key key;
    connect::Reply<v1::Key> reply;
  };

  void Handle(const v1::CreateKeyRequest& request, connect::Reply<v1::Key> reply)
      TWINSEAL_EXCLUDES(mutex_);

  const std::string name_;
  mutable Mutex mutex_;
  Condition changed_;
  Manner manner_ TWINSEAL_GUARDED_BY(mutex_) = Manner::kServe;
  std::vector<std::string> ids_ TWINSEAL_GUARDED_BY(mutex_);
  std::vector<Held> held_ TWINSEAL_GUARDED_BY(mutex_);
  std::unique_ptr<connect::Server> server_;
};

class SiteTest : public testing::Test {
 protected:
  static constexpr std::string_view kPath = "/test.Service/Make";

  connect::ClientOptions Options(std::vector<std::string> endpoints) const;
  std::unique_ptr<Caller> Make(connect::ClientOptions options) const;
  std::unique_ptr<Caller> Knowing(std::vector<std::string> endpoints) const {
    return Make(Options(std::move(endpoints)));
  }
  std::unique_ptr<Caller> KnowingBoth() const { return Knowing({a_.Endpoint(), b_.Endpoint()}); }

  // The name of the site that answered, or the error's code name.
  static std::string Call(Caller& caller, const connect::CallOptions& options = {});
  static Status TryCall(Caller& caller, const connect::CallOptions& options = {});

  test::TestCa ca_;
  test::Identity client_ = ca_.Client("alice");
  Site a_{"a", ca_};
  Site b_{"b", ca_};
};

}  // namespace twinseal::client
