#include "common/ledger/etcd_reads.h"

#include "common/ledger/etcd_range.h"

namespace twinseal::ledger {
namespace {

constexpr std::size_t kMostReads = 32;

Result<std::optional<Entry>> EntryIn(const etcd::TxnResponse& response, int at,
                                     const ValueSeal& seal) {
  if (at >= response.responses_size() || !response.responses(at).has_response_range()) {
    return Error(Code::kUnavailable, "etcd's answer is not to what was asked");
  }
  const etcd::RangeResponse& found = response.responses(at).response_range();
  if (found.kvs().empty()) return std::optional<Entry>();
  TWINSEAL_ASSIGN_OR_RETURN(Entry entry, OpenEntry(found.kvs(0), seal));
  return std::optional(std::move(entry));
}

}  // namespace

bool EtcdReadGroup::Add(EtcdRead& read) {
  if (reads_.size() == kMostReads) return false;
  reads_.push_back(&read);
  return true;
}

etcd::TxnRequest EtcdReadGroup::Request(bool nearby) const {
  etcd::TxnRequest request;
  for (const EtcdRead* const read : reads_) {
    etcd::RangeRequest& range = *request.add_success()->mutable_request_range();
    range.set_key(read->key);
    range.set_serializable(nearby);
  }
  return request;
}

void EtcdReadGroup::Take(const Result<etcd::TxnResponse>& response, const ValueSeal& seal) {
  int at = 0;
  for (EtcdRead* const read : reads_) {
    read->entry = response.ok() ? EntryIn(*response, at++, seal)
                                : Result<std::optional<Entry>>(response.error());
  }
}

Result<Entry> OpenEntry(const etcd::KeyValue& kv, const ValueSeal& seal) {
  TWINSEAL_ASSIGN_OR_RETURN(Bytes value, seal.Open(kv.key(), kv.value()));
  return Entry{kv.key(), std::move(value), ToRevision(kv.create_revision()),
               ToRevision(kv.mod_revision())};
}

}  // namespace twinseal::ledger
