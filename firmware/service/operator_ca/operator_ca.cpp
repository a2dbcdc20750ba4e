#include "firmware/service/operator_ca/operator_ca.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {

OperatorCa::OperatorCa(OwnKey key, Clock clock)
    : OwnCa(std::move(key), std::move(clock), "Twinseal operator CA",
            std::string(kOperatorCaPath)) {}

Result<crypto::Certificate> OperatorCa::IssueClient(const policy::Principal& principal,
                                                    const crypto::PublicKey& key,
                                                    std::uint32_t days, Deadline deadline) {
  if (days > kMaxClientDays) {
    return Error(Code::kInvalidArgument,
                 fmt::format("days is at most {}, not {}", kMaxClientDays, days));
  }
  const auto life = std::chrono::hours(24) * (days == 0 ? kDefaultClientDays : days);
  crypto::CertificateBlueprint wanted = Blueprint(principal.name(), key, life);
  wanted.usage.digital_signature = true;
  wanted.tls_client = true;
  wanted.uris.push_back(principal.Uri());
  return Issue(std::move(wanted), deadline);
}

Result<crypto::Certificate> OperatorCa::IssueServer(const std::string& site,
                                                    const std::vector<std::string>& names,
                                                    const crypto::PublicKey& key,
                                                    Deadline deadline) {
  crypto::CertificateBlueprint wanted =
      Blueprint(fmt::format("Twinseal {}", site), key, kServerLife);
  wanted.usage.digital_signature = true;
  wanted.tls_server = true;
  AddNames(names, wanted);
  return Issue(std::move(wanted), deadline);
}

}  // namespace twinseal::service
