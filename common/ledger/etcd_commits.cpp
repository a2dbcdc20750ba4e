#include "common/ledger/etcd_commits.h"

#include <algorithm>
#include <utility>

#include "common/ledger/etcd_range.h"

namespace twinseal::ledger {
namespace {

// What goes together stays a small part of what etcd takes at once; a large transaction goes alone.
constexpr std::size_t kMostTogether = 32;
constexpr std::size_t kMostOperations = kMaxOperations / 4;
constexpr std::size_t kMostBytes = kMaxTransactionBytes / 8;
// etcd's quota counts what a transaction puts, but not what its parts do: of a group it would see
// nothing, and a full ledger would go on taking changes. So each group puts this, which nobody
// reads.
constexpr std::string_view kCounted = "/ledger/group";

void SetGuard(const Guard& guard, etcd::Compare& compare) {
  if (const auto* const absent = std::get_if<Absent>(&guard)) {
    compare.set_key(absent->key);
    compare.set_target(etcd::Compare::CREATE);
    compare.set_create_revision(0);
    return;
  }
  const auto& unchanged = std::get<UnchangedSince>(guard);
  compare.set_key(unchanged.key);
  if (unchanged.modified == Revision{0}) {
    // No commit has written it, so this never holds; to etcd 0 would mean that there is no key.
    compare.set_result(etcd::Compare::LESS);
    compare.set_target(etcd::Compare::VERSION);
    compare.set_version(0);
    return;
  }
  compare.set_target(etcd::Compare::MOD);
  compare.set_mod_revision(FromRevision(unchanged.modified));
}

Status SetPut(std::string_view key, BytesView value, const ValueSeal& seal, etcd::RequestOp& op) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes sealed, seal.Seal(key, value));
  op.mutable_request_put()->set_key(std::string(key));
  op.mutable_request_put()->set_value(ToString(sealed));
  return Ok();
}

}  // namespace

Result<EtcdCommit> EtcdCommit::Of(const Transaction& transaction, const ValueSeal& seal) {
  EtcdCommit commit(transaction);
  for (const Guard& guard : transaction.guards) SetGuard(guard, *commit.request_.add_compare());
  for (const Write& write : transaction.writes) {
    if (std::holds_alternative<Touch>(write)) continue;
    etcd::RequestOp& op = *commit.request_.add_success();
    if (const auto* const remove = std::get_if<Remove>(&write)) {
      op.mutable_request_delete_range()->set_key(remove->key);
      continue;
    }
    const auto& put = std::get<Put>(write);
    TWINSEAL_RETURN_IF_ERROR(SetPut(put.key, put.value, seal, op));
  }
  commit.bytes_ = commit.request_.ByteSizeLong();
  return commit;
}

bool EtcdCommit::IsSociable() const {
  return !transaction_->alone &&
         std::max(transaction_->guards.size(), transaction_->writes.size()) <= kMostOperations;
}

Result<etcd::TxnRequest> EtcdCommit::Request(std::size_t number, const ValueSeal& seal) const {
  etcd::TxnRequest request = request_;
  for (const Write& write : transaction_->writes) {
    const auto* const touch = std::get_if<Touch>(&write);
    if (touch == nullptr) continue;
    TWINSEAL_RETURN_IF_ERROR(SetPut(TouchedKey(*touch, number), {}, seal, *request.add_success()));
  }
  return request;
}

bool EtcdCommitGroup::Fits(const EtcdCommit& commit) const {
  const Transaction& transaction = commit.transaction();
  if (!commit.IsSociable() || !commits_.front()->IsSociable()) return false;
  if (commits_.size() == kMostTogether || bytes_ + commit.bytes() > kMostBytes) return false;
  const bool reads_theirs = std::ranges::any_of(
      transaction.guards, [&](const Guard& guard) { return written_.contains(KeyOf(guard)); });
  const bool writes_theirs = std::ranges::any_of(transaction.writes, [&](const Write& write) {
    return !std::holds_alternative<Touch>(write) &&
           (written_.contains(KeyOf(write)) || guarded_.contains(KeyOf(write)));
  });
  return !reads_theirs && !writes_theirs;
}

bool EtcdCommitGroup::Add(EtcdCommit& commit) {
  if (!commits_.empty() && !Fits(commit)) return false;
  commits_.push_back(&commit);
  bytes_ += commit.bytes();
  for (const Guard& guard : commit.transaction().guards) guarded_.insert(KeyOf(guard));
  for (const Write& write : commit.transaction().writes) {
    if (!std::holds_alternative<Touch>(write)) written_.insert(KeyOf(write));
  }
  return true;
}

std::vector<EtcdCommitGroup> EtcdCommitGroup::Apart() const {
  std::vector<EtcdCommitGroup> groups(commits_.size());
  for (std::size_t i = 0; i < commits_.size(); ++i) groups[i].Add(*commits_[i]);
  return groups;
}

Result<etcd::TxnRequest> EtcdCommitGroup::Request(const ValueSeal& seal) const {
  if (commits_.size() == 1) return commits_.front()->Request(0, seal);
  etcd::TxnRequest request;
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    TWINSEAL_ASSIGN_OR_RETURN(*request.add_success()->mutable_request_txn(),
                              commits_[i]->Request(i, seal));
  }
  TWINSEAL_RETURN_IF_ERROR(SetPut(kCounted, {}, seal, *request.add_success()));
  return request;
}

void EtcdCommitGroup::Take(const Result<etcd::TxnResponse>& response) {
  if (!response.ok()) {
    for (EtcdCommit* const commit : commits_) commit->outcome = response.error();
    return;
  }
  const Revision revision = ToRevision(response->header().revision());
  if (commits_.size() == 1) {
    commits_.front()->outcome = Outcome{response->succeeded(), revision};
    return;
  }
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    const auto at = static_cast<int>(i);
    if (at < response->responses_size() && response->responses(at).has_response_txn()) {
      commits_[i]->outcome = Outcome{response->responses(at).response_txn().succeeded(), revision};
    } else {
      commits_[i]->outcome = Error(Code::kUnavailable, "etcd's answer is not to what was asked");
    }
  }
}

}  // namespace twinseal::ledger
