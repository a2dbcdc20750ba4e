// The CA of the ledger's members: who has a certificate of it may be a member, or a member's
// client.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/service/operator_ca/own_ca.h"

namespace twinseal::service {

inline constexpr std::string_view kLedgerCaKey = "twinseal.ledger-ca";
// The ledger's /ledger-ca: the CA certificate in DER.
inline constexpr std::string_view kLedgerCaPath = "/ledger-ca";
// Made anew at each start, and renewed at half of its life.
inline constexpr std::chrono::hours kMemberLife{7 * 24};

class LedgerCa : public OwnCa {
 public:
  LedgerCa(OwnKey key, Clock clock);

  // For the member at a place that the others reach by these DNS names and addresses.
  Result<crypto::Certificate> IssueMember(const std::vector<std::string>& addresses,
                                          const crypto::PublicKey& key, std::chrono::seconds life,
                                          Deadline deadline);
};

}  // namespace twinseal::service
