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
  std::string key;
  Result<std::optional<Entry>> entry = std::optional<Entry>();  // Set when the group was sent.
};

// For Together.
class EtcdReadGroup {
 public:
  using Job = EtcdRead;

  bool Add(EtcdRead& read);

  // A transaction that writes nothing. `nearby`: as the member that is asked has it.
  etcd::TxnRequest Request(bool nearby) const;
  // Sets every entry from the answer to that; unavailable for one that does not fit it.
  void Take(const Result<etcd::TxnResponse>& response, const ValueSeal& seal);

 private:
  std::vector<EtcdRead*> reads_;
};

// data_loss for a value that no appliance of this domain has sealed.
Result<Entry> OpenEntry(const etcd::KeyValue& kv, const ValueSeal& seal);

}  // namespace twinseal::ledger
