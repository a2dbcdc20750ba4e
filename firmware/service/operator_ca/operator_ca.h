// The CA whose certificates let people and programs call this appliance, and its own TLS
// certificate.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/policy/principal.h"
#include "firmware/service/operator_ca/own_ca.h"

namespace twinseal::service {

// The ledger's /operator-ca: the CA certificate in DER.
inline constexpr std::string_view kOperatorCaPath = "/operator-ca";

inline constexpr std::uint32_t kDefaultClientDays = 365;
inline constexpr std::uint32_t kMaxClientDays = 3650;
// Short, since nobody can revoke it; renewed at half of its life.
inline constexpr std::chrono::hours kServerLife{7 * 24};

class OperatorCa : public OwnCa {
 public:
  OperatorCa(OwnKey key, Clock clock);

  // With the URI name twinseal:<role>/<name>. `days` 0: the default; invalid_argument beyond the
  // most.
  Result<crypto::Certificate> IssueClient(const policy::Principal& principal,
                                          const crypto::PublicKey& key, std::uint32_t days,
                                          Deadline deadline);
  Result<crypto::Certificate> IssueServer(const std::string& site,
                                          const std::vector<std::string>& names,
                                          const crypto::PublicKey& key, Deadline deadline);
};

}  // namespace twinseal::service
