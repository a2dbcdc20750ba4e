// What the appliance shows its clients: a TLS key that lives in this process's memory alone, and a
// certificate of the operator CA that is renewed in time.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/crypto/software_key.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"
#include "firmware/service/operator_ca/operator_ca.h"

namespace twinseal::service {

class TlsIdentity {
 public:
  // `names` are what clients call the appliance.
  TlsIdentity(OperatorCa& ca, std::string site, std::vector<std::string> names,
              OperatorCa::Clock clock);
  ~TlsIdentity();

  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // What new connections are to be made with; cheap. Null before UseProvisional() or RenewIfDue().
  std::shared_ptr<const crypto::ServerTls> Current() const;

  // A certificate that nobody trusts, signed by the TLS key itself, unless there is a better one:
  // until the core can sign, clients are told so by /readyz (with verification off) rather than by
  // a closed port.
  Status UseProvisional();
  // Makes a new key and certificate if there is none of the CA yet or half of its life is over.
  // Blocks on the core.
  Status RenewIfDue(Deadline deadline);

  // Calls RenewIfDue every minute until Stop(), and every second while it is due.
  void Start();
  void Stop();

 private:
  Result<std::shared_ptr<const crypto::ServerTls>> Context(const crypto::Certificate& certificate,
                                                           const crypto::SoftwareKey& key) const;
  void Use(std::shared_ptr<const crypto::ServerTls> tls);
  bool Due() const TWINSEAL_EXCLUDES(renewing_);
  void Run();

  OperatorCa& ca_;
  const std::string site_;
  const std::vector<std::string> names_;
  const OperatorCa::Clock clock_;

  // One renewal at a time.
  mutable Mutex renewing_;
  crypto::UnixTime renew_at_ TWINSEAL_GUARDED_BY(renewing_){};

  mutable Mutex mutex_;
  Condition changed_;
  std::shared_ptr<const crypto::ServerTls> current_ TWINSEAL_GUARDED_BY(mutex_);
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::service
