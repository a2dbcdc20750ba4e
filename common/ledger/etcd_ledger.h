// The ledger of a pair: etcd, through its public API v3 (3.4 to 3.6).
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/result.h"
#include "common/etcd/gateway.h"
#include "common/ledger/ledger.h"
#include "common/ledger/value_seal.h"

namespace twinseal::ledger {

// How far a site has seen which cluster. What must outlive the process is the caller's to keep.
struct Sighting {
  std::uint64_t cluster_id = 0;  // 0: none yet.
  Revision highest{};
};

// A cluster that is another, or that went backwards (a member restored from an old copy), is not
// believed: every call from then on fails with data_loss and says so, and feeds are lost with the
// next thing that they hear.
//
// Every read is linearizable. Purge compacts and defragments each of the gateway's endpoints; the
// members' write-ahead logs keep what was written until they have moved on by some ten thousand
// commits. Values are sealed; their keys' names are not.
class EtcdLedger : public Ledger {
 public:
  // What the members must be started with beside their defaults, as names and seals come on
  // top of kMaxTransactionBytes.
  static constexpr const char* kMemberOption = "--max-request-bytes=2097152";

  // Asks the cluster who it is: unavailable when no member answers, data_loss when it is not the
  // one of `seen` or is behind it.
  static Result<std::unique_ptr<EtcdLedger>> Open(etcd::GatewayOptions options, ValueSeal seal,
                                                  Sighting seen = {});

  virtual Sighting seen() const = 0;
};

}  // namespace twinseal::ledger
