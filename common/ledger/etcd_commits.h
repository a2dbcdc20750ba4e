// Transactions as etcd takes them: those that wait together go as parts of one, each with guards of
// its own, so that they share its way through the members' logs.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/etcd/etcd.pb.h"
#include "common/ledger/ledger.h"
#include "common/ledger/value_seal.h"

namespace twinseal::ledger {

// A transaction on its way, of one that passes CheckTransaction and outlives it.
class EtcdCommit {
 public:
  // Why a value cannot be sealed.
  static Result<EtcdCommit> Of(const Transaction& transaction, const ValueSeal& seal);

  const Transaction& transaction() const { return *transaction_; }
  // As the one of that number in a group.
  Result<etcd::TxnRequest> Request(std::size_t number, const ValueSeal& seal) const;
  // Whether it may share its way with others.
  bool IsSociable() const;
  std::size_t bytes() const { return bytes_; }

  Result<Outcome> outcome = Outcome{};  // Set when the group has been sent.

 private:
  explicit EtcdCommit(const Transaction& transaction) : transaction_(&transaction) {}

  const Transaction* transaction_;
  etcd::TxnRequest request_;  // But for the touches.
  std::size_t bytes_ = 0;
};

// For Together, or for one that goes alone. All guards of a group are looked at before any of its
// writes is made; so none writes what another one guards or writes.
class EtcdCommitGroup {
 public:
  using Job = EtcdCommit;

  bool Add(EtcdCommit& commit);

  std::size_t size() const { return commits_.size(); }
  // Each for itself.
  std::vector<EtcdCommitGroup> Apart() const;

  // One transaction for all. Why something cannot be sealed.
  Result<etcd::TxnRequest> Request(const ValueSeal& seal) const;
  // Sets everybody's outcome from the answer to that; unavailable for one that does not fit it.
  void Take(const Result<etcd::TxnResponse>& response);

 private:
  using Keys = std::set<std::string_view>;

  bool Fits(const EtcdCommit& commit) const;

  std::vector<EtcdCommit*> commits_;
  Keys guarded_;
  Keys written_;
  std::size_t bytes_ = 0;
};

}  // namespace twinseal::ledger
