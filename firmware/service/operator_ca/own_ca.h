// A CA of the appliance's own, for purposes of the appliance's own. Its key is a vault key like any
// other, used through the core.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/issue.h"
#include "common/crypto/x509.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/own_key.h"

namespace twinseal::service {

inline constexpr std::chrono::hours kCaLife{20 * 365 * 24};
// Clocks of those who check certificates may be behind ours: by a time zone at the worst, or ours
// was set wrong when the certificate was made.
inline constexpr std::chrono::hours kBackdating{25};

// Thread-safe once it has its certificate; issuing blocks on the core.
class OwnCa {
 public:
  using Clock = std::function<crypto::UnixTime()>;

  // `path` is where the ledger has the CA certificate, in DER.
  OwnCa(OwnKey key, Clock clock, std::string common_name, std::string path);

  // Makes the self-signed CA certificate and puts it into the ledger, unless it is there.
  Status Establish(ledger::Ledger& ledger, Deadline deadline);
  // Takes it from the ledger. failed_precondition when the appliance is not set up.
  Status Load(ledger::Ledger& ledger);
  void Use(crypto::Certificate certificate) { certificate_ = std::move(certificate); }

  // Only after one of the three.
  const crypto::Certificate& certificate() const { return *certificate_; }
  bool established() const { return certificate_.has_value(); }

 protected:
  // Of an end entity's certificate, with what all have in common.
  crypto::CertificateBlueprint Blueprint(std::string common_name, const crypto::PublicKey& key,
                                         std::chrono::seconds life) const;
  Result<crypto::Certificate> Issue(crypto::CertificateBlueprint wanted, Deadline deadline);

 private:
  crypto::DigestSigner Signer(Deadline deadline);

  OwnKey key_;
  const Clock clock_;
  const std::string common_name_;
  const std::string path_;
  std::optional<crypto::Certificate> certificate_;
};

// Adds them to the certificate: DNS names and IP addresses, told apart by their form.
void AddNames(const std::vector<std::string>& names, crypto::CertificateBlueprint& blueprint);

}  // namespace twinseal::service
