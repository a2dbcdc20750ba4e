// A real etcd on loopback, of one member, with mutual TLS. For tests.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include <sys/types.h>

#include "common/base/unique_fd.h"
#include "common/etcd/gateway.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace twinseal::test {

// Keeps its data and its ports while it is stopped. Ends with the object, and with this process.
class EtcdMember {
 public:
  // Runs when it returns. Throws std::runtime_error when etcd is not installed or does not start.
  EtcdMember();
  ~EtcdMember();
  EtcdMember(const EtcdMember&) = delete;
  EtcdMember& operator=(const EtcdMember&) = delete;

  void Start();
  void Kill();  // As kill -9.
  void Suspend();
  void Resume();
  // What it has on disk now and at a later Restore(). While it is stopped.
  void Save();
  void Restore();

  std::string endpoint() const;
  // More patient than a site is.
  etcd::GatewayOptions options() const;

 private:
  bool TryToStart();

  TempFolder folder_;
  TestCa ca_{"ledger"};
  Identity member_ = ca_.Member();
  Identity client_ = ca_.Client("site");
  int client_port_ = 0;
  int peer_port_ = 0;
  pid_t process_ = -1;
  std::string last_words_;
  std::thread log_;  // Reads what it prints, so that it never waits for us.
};

}  // namespace twinseal::test
