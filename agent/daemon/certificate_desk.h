// The certificates of this place, which any site issues: for its member of the ledger and for its
// API. Their keys are made here and stay in memory.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/client/caller.h"
#include "common/crypto/tls.h"
#include "common/etcd/gateway.h"
#include "common/etcd/member.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::agent {

struct PlaceCertificates {
  etcd::MemberTls member;
  https::Identity ledger_client;  // The same certificate, for calls to the own member.
  std::shared_ptr<const crypto::ServerTls> server;
  v1::PairConfig config;  // As the site knows it.
  bool taken_in = false;  // The ledger expects this place's member as a new one.
  std::chrono::steady_clock::time_point renew_at;
};

// Thread-safe.
class CertificateDesk {
 public:
  // `proxy` as in https::Identity.
  CertificateDesk(std::filesystem::path data_dir, std::string proxy)
      : data_dir_(std::move(data_dir)), proxy_(std::move(proxy)) {}

  // Asks the sites of the pair's record, one after another, and blocks for some eight seconds at
  // the most. unavailable when none answers; data_loss when one answers with another ledger's CA;
  // else as the site says. With `new_member` the ledger is to forget this place's member and to
  // take in a new one.
  Result<PlaceCertificates> Ask(const v1::WitnessState& state, bool new_member)
      TWINSEAL_EXCLUDES(mutex_);
  // Ends what is under way, and what is to come, with `canceled`.
  void Stop() TWINSEAL_EXCLUDES(mutex_);

 private:
  Result<std::shared_ptr<client::Caller>> CallerOf(const v1::WitnessState& state)
      TWINSEAL_EXCLUDES(mutex_);

  const std::filesystem::path data_dir_;
  const std::string proxy_;
  Mutex mutex_;
  std::shared_ptr<client::Caller> asks_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopped_ TWINSEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace twinseal::agent
