#include "firmware/service/operator_ca/operator_ca.h"

#include <algorithm>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace twinseal::service {

bool IsAddress(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

OperatorCa::OperatorCa(OwnKey key, Clock clock) : key_(std::move(key)), clock_(std::move(clock)) {}

crypto::CertificateBlueprint OperatorCa::Blueprint(std::string common_name,
                                                   const crypto::PublicKey& key,
                                                   std::chrono::seconds life) const {
  return {.subject = {{"O", "Twinseal"}, {"CN", std::move(common_name)}},
          .subject_key = key,
          .issuer = std::nullopt,
          .scheme = v1::ECDSA_SHA256,
          .not_before = clock_() - kBackdating,
          .not_after = clock_() + life,
          .serial = {},
          .path_length = std::nullopt,
          .usage = {},
          .uris = {},
          .dns_names = {},
          .ip_addresses = {}};
}

crypto::DigestSigner OperatorCa::Signer(Deadline deadline) {
  return [this, deadline](v1::Scheme, BytesView digest) -> Result<Bytes> {
    TWINSEAL_ASSIGN_OR_RETURN(OwnKey::Signature signature, key_.SignDigest(digest, deadline));
    return std::move(signature.signature);
  };
}

Status OperatorCa::Establish(ledger::Ledger& ledger, Deadline deadline) {
  if (Load(ledger).ok()) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey key, key_.Public());
  crypto::CertificateBlueprint wanted = Blueprint("Twinseal operator CA", key, kCaLife);
  wanted.is_ca = true;
  wanted.path_length = 0;
  wanted.usage.certificate_sign = true;
  wanted.usage.crl_sign = true;
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Certificate certificate,
                            crypto::IssueCertificate(wanted, Signer(deadline)));
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::Absent{std::string(kOperatorCaPath)});
  transaction.writes.push_back(ledger::Put{std::string(kOperatorCaPath), certificate.der()});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger.Commit(transaction));
  // Somebody else was quicker: theirs counts.
  if (!outcome.committed) return Load(ledger);
  certificate_ = std::move(certificate);
  return Ok();
}

Status OperatorCa::Load(ledger::Ledger& ledger) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry, ledger.Get(kOperatorCaPath));
  if (!entry) {
    return Error(Code::kFailedPrecondition,
                 "the appliance has no operator CA yet; set it up with `twinseal appliance init`");
  }
  TWINSEAL_ASSIGN_OR_RETURN(certificate_, crypto::Certificate::FromDer(entry->value));
  return Ok();
}

Result<crypto::Certificate> OperatorCa::IssueClient(const policy::Principal& principal,
                                                    const crypto::PublicKey& key,
                                                    std::uint32_t days, Deadline deadline) {
  if (days > kMaxClientDays) {
    return Error(Code::kInvalidArgument,
                 fmt::format("days is at most {}, not {}", kMaxClientDays, days));
  }
  const auto life = std::chrono::hours(24) * (days == 0 ? kDefaultClientDays : days);
  crypto::CertificateBlueprint wanted = Blueprint(principal.name(), key, life);
  wanted.issuer = certificate_;
  wanted.not_after = std::min(wanted.not_after, certificate_->not_after());
  wanted.usage.digital_signature = true;
  wanted.tls_client = true;
  wanted.uris.push_back(principal.Uri());
  return crypto::IssueCertificate(wanted, Signer(deadline));
}

Result<crypto::Certificate> OperatorCa::IssueServer(const std::string& site,
                                                    const std::vector<std::string>& names,
                                                    const crypto::PublicKey& key,
                                                    Deadline deadline) {
  crypto::CertificateBlueprint wanted =
      Blueprint(fmt::format("Twinseal {}", site), key, kServerLife);
  wanted.issuer = certificate_;
  wanted.usage.digital_signature = true;
  wanted.tls_server = true;
  for (const std::string& name : names) {
    (IsAddress(name) ? wanted.ip_addresses : wanted.dns_names).push_back(name);
  }
  return crypto::IssueCertificate(wanted, Signer(deadline));
}

}  // namespace twinseal::service
