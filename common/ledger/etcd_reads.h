// Keys that are read at the same time, in one request.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/etcd/etcd.pb.h"
#include "common/ledger/ledger.h"
#include "common/ledger/value_seal.h"

namespace twinseal::ledger {

struct EtcdRead {
  std::vector<std::string> keys;  // At least one.
  // Set when the group was sent: one for each key.
  Result<std::vector<std::optional<Entry>>> entries = std::vector<std::optional<Entry>>();
};

// For Together.
class EtcdReadGroup {
 public:
  using Job = EtcdRead;

  bool Add(EtcdRead& read);

  // A transaction that writes nothing. `nearby`: as the member that is asked has it.
  etcd::TxnRequest Request(bool nearby) const;
  // Sets everybody's entries from the answer to that; unavailable where it does not fit.
  void Take(const Result<etcd::TxnResponse>& response, const ValueSeal& seal);

 private:
  std::vector<EtcdRead*> reads_;
  std::size_t keys_ = 0;
};

// data_loss for a value that no appliance of this domain has sealed.
Result<Entry> OpenEntry(const etcd::KeyValue& kv, const ValueSeal& seal);

}  // namespace twinseal::ledger
