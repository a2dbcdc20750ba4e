#include "firmware/service/pair/ledger_ca.h"

#include <utility>

#include "common/etcd/member.h"

namespace twinseal::service {

LedgerCa::LedgerCa(OwnKey key, Clock clock)
    : OwnCa(std::move(key), std::move(clock), "Twinseal ledger CA", std::string(kLedgerCaPath)) {}

Result<crypto::Certificate> LedgerCa::IssueMember(const std::vector<std::string>& addresses,
                                                  const crypto::PublicKey& key,
                                                  std::chrono::seconds life, Deadline deadline) {
  crypto::CertificateBlueprint wanted = Blueprint(etcd::kMemberCommonName, key, life);
  wanted.usage.digital_signature = true;
  wanted.tls_server = true;
  wanted.tls_client = true;
  AddNames(addresses, wanted);
  return Issue(std::move(wanted), deadline);
}

}  // namespace twinseal::service
