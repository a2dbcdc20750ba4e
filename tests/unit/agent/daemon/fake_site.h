// A site of a pair as the agent calls it, with certificates of a test's CAs. For tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/mutex.h"
#include "common/connect/server.h"
#include "tests/support/certificates.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::test {

// Keeps its port while it is stopped. Its CAs outlive it.
class FakeSite {
 public:
  FakeSite(std::string name, const TestCa& operator_ca, const TestCa& ledger_ca);

  void Start();
  void Stop() { server_.reset(); }

  // "https://127.0.0.1:PORT"
  std::string api() const;
  // Empty: it is ready.
  void NotReady(const std::string& why);
  // What it says of the pair, in both of its calls.
  void Say(v1::GetPairResponse pair);
  // What was asked of it.
  int certificates_issued() const;
  int pair_asked() const;
  // Called for a place whose member has lost its data: whether it is taken in.
  void TakesIn(std::function<Status()> take_in);
  // Refuses certificates from now on.
  void RefuseCertificates();

 private:
  connect::Router Routes();

  const std::string name_;
  const TestCa& operator_ca_;
  const TestCa& ledger_ca_;
  const std::shared_ptr<const crypto::ServerTls> tls_;
  std::uint16_t port_ = 0;

  mutable Mutex mutex_;
  std::string not_ready_ TWINSEAL_GUARDED_BY(mutex_);
  v1::GetPairResponse pair_ TWINSEAL_GUARDED_BY(mutex_);
  bool refuses_ TWINSEAL_GUARDED_BY(mutex_) = false;
  int issued_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::function<Status()> take_in_ TWINSEAL_GUARDED_BY(mutex_);
  int asked_ TWINSEAL_GUARDED_BY(mutex_) = 0;

  std::unique_ptr<connect::Server> server_;
};

}  // namespace twinseal::test
