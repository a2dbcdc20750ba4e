// A cluster of real etcd members on loopback, each started and watched as a place does it. For
// tests.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/etcd/address.h"
#include "common/etcd/gateway.h"
#include "common/etcd/member.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace twinseal::test {

// One thread. The members end with the object, and with this process.
class EtcdCluster {
 public:
  // Long for a machine that is busy with other tests.
  static constexpr std::chrono::seconds kPatience{60};

  // Chooses the addresses; nothing runs yet.
  explicit EtcdCluster(std::vector<std::string> names);

  // How the member of that name is started; tests may change what they get.
  etcd::MemberOptions OptionsOf(const std::string& name) const;
  etcd::MemberTls Tls() const;  // Fresh each time.
  // Throws std::runtime_error when it cannot be started. Returns before it serves.
  etcd::Member& Start(const std::string& name);
  etcd::Member& Start(const std::string& name, etcd::MemberOptions options);
  void Stop(const std::string& name);
  // Starts all, and throws std::runtime_error unless they serve.
  void StartAll();
  etcd::Member& at(const std::string& name);

  // Which member leads, once they agree on one.
  std::string Leader() const;
  // Throws std::runtime_error when that one does not take it.
  void MakeLeader(const std::string& name) const;

  etcd::GatewayOptions GatewayTo(const std::vector<std::string>& names) const;
  const TestCa& ca() const { return ca_; }
  // What the members' logs said so far, "NAME: ..." a line.
  std::string log() const;
  // Until the log has this text; throws std::runtime_error when it does not come in kPatience.
  void AwaitLog(const std::string& text) const;
  // For members that are started otherwise.
  etcd::Member::OnLog LogOf(const std::string& name) const;
  const TempFolder& folder() const { return folder_; }

 private:
  struct Place {
    std::string name;
    etcd::KeptPort peer_port;
    std::unique_ptr<etcd::Member> member;
  };
  Place& Find(const std::string& name);
  const Place& Find(const std::string& name) const;

  TempFolder folder_;
  TestCa ca_{"ledger"};
  Identity client_ = ca_.Client("site");
  std::vector<Place> places_;
  struct Log;
  std::shared_ptr<Log> log_;
};

}  // namespace twinseal::test
