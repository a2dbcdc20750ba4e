#include "common/ledger/etcd_reads.h"

#include "common/ledger/etcd_range.h"

namespace twinseal::ledger {
namespace {

constexpr std::size_t kMostKeys = 96;

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

Result<std::vector<std::optional<Entry>>> EntriesIn(const etcd::TxnResponse& response, int first,
                                                    int count, const ValueSeal& seal) {
  std::vector<std::optional<Entry>> entries;
  for (int at = first; at < first + count; ++at) {
    TWINSEAL_ASSIGN_OR_RETURN(entries.emplace_back(), EntryIn(response, at, seal));
  }
  return entries;
}

}  // namespace

bool EtcdReadGroup::Add(EtcdRead& read) {
  if (!reads_.empty() && keys_ + read.keys.size() > kMostKeys) return false;
  reads_.push_back(&read);
  keys_ += read.keys.size();
  return true;
}

etcd::TxnRequest EtcdReadGroup::Request(bool nearby) const {
  etcd::TxnRequest request;
  for (const EtcdRead* const read : reads_) {
    for (const std::string& key : read->keys) {
      etcd::RangeRequest& range = *request.add_success()->mutable_request_range();
      range.set_key(key);
      range.set_serializable(nearby);
    }
  }
  return request;
}

void EtcdReadGroup::Take(const Result<etcd::TxnResponse>& response, const ValueSeal& seal) {
  int first = 0;
  for (EtcdRead* const read : reads_) {
    const auto count = static_cast<int>(read->keys.size());
    read->entries = response.ok() ? EntriesIn(*response, first, count, seal) : response.error();
    first += count;
  }
}

Result<Entry> OpenEntry(const etcd::KeyValue& kv, const ValueSeal& seal) {
  TWINSEAL_ASSIGN_OR_RETURN(Bytes value, seal.Open(kv.key(), kv.value()));
  return Entry{kv.key(), std::move(value), ToRevision(kv.create_revision()),
               ToRevision(kv.mod_revision())};
}

}  // namespace twinseal::ledger
