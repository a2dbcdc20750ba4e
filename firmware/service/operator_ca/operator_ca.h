// The CA whose certificates let people and programs call this appliance, and its own TLS
// certificate. Its key is a vault key like any other, used through the core.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/issue.h"
#include "common/crypto/x509.h"
#include "common/ledger/ledger.h"
#include "firmware/policy/principal.h"
#include "firmware/service/keys/own_key.h"

namespace twinseal::service {

// The ledger's /operator-ca: the CA certificate in DER.
inline constexpr std::string_view kOperatorCaPath = "/operator-ca";

inline constexpr std::uint32_t kDefaultClientDays = 365;
inline constexpr std::uint32_t kMaxClientDays = 3650;
// Short, since nobody can revoke it; renewed at half of its life.
inline constexpr std::chrono::hours kServerLife{7 * 24};
inline constexpr std::chrono::hours kCaLife{20 * 365 * 24};
// Clocks of clients may be behind ours.
inline constexpr std::chrono::minutes kBackdating{5};

// Thread-safe; issuing blocks on the core.
class OperatorCa {
 public:
  using Clock = std::function<crypto::UnixTime()>;

  OperatorCa(OwnKey key, Clock clock);

  // Makes the self-signed CA certificate and puts it into the ledger, unless it is there. For
  // set-up.
  Status Establish(ledger::Ledger& ledger, Deadline deadline);
  // Takes it from the ledger. failed_precondition when the appliance is not set up.
  Status Load(ledger::Ledger& ledger);

  // Only after Establish() or Load().
  const crypto::Certificate& certificate() const { return *certificate_; }

  // With the URI name twinseal:<role>/<name>. `days` 0: the default; invalid_argument beyond the
  // most.
  Result<crypto::Certificate> IssueClient(const policy::Principal& principal,
                                          const crypto::PublicKey& key, std::uint32_t days,
                                          Deadline deadline);
  // For DNS names and IP addresses, told apart by their form.
  Result<crypto::Certificate> IssueServer(const std::string& site,
                                          const std::vector<std::string>& names,
                                          const crypto::PublicKey& key, Deadline deadline);

 private:
  crypto::CertificateBlueprint Blueprint(std::string common_name, const crypto::PublicKey& key,
                                         std::chrono::seconds life) const;
  crypto::DigestSigner Signer(Deadline deadline);

  OwnKey key_;
  Clock clock_;
  std::optional<crypto::Certificate> certificate_;
};

// Whether it is an IPv4 or IPv6 address.
bool IsAddress(const std::string& name);

}  // namespace twinseal::service
