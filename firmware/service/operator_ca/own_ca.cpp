#include "firmware/service/operator_ca/own_ca.h"

#include <algorithm>
#include <utility>

#include <arpa/inet.h>

namespace twinseal::service {
namespace {

bool IsAddress(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

}  // namespace

void AddNames(const std::vector<std::string>& names, crypto::CertificateBlueprint& blueprint) {
  for (const std::string& name : names) {
    (IsAddress(name) ? blueprint.ip_addresses : blueprint.dns_names).push_back(name);
  }
}

OwnCa::OwnCa(OwnKey key, Clock clock, std::string common_name, std::string path)
    : key_(std::move(key)),
      clock_(std::move(clock)),
      common_name_(std::move(common_name)),
      path_(std::move(path)) {}

crypto::CertificateBlueprint OwnCa::Blueprint(std::string common_name, const crypto::PublicKey& key,
                                              std::chrono::seconds life) const {
  return {.subject = {{"O", "Twinseal"}, {"CN", std::move(common_name)}},
          .subject_key = key,
          .issuer = certificate_,
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

crypto::DigestSigner OwnCa::Signer(Deadline deadline) {
  return [this, deadline](v1::Scheme, BytesView digest) -> Result<Bytes> {
    TWINSEAL_ASSIGN_OR_RETURN(OwnKey::Signature signature, key_.SignDigest(digest, deadline));
    return std::move(signature.signature);
  };
}

Result<crypto::Certificate> OwnCa::Issue(crypto::CertificateBlueprint wanted, Deadline deadline) {
  wanted.not_after = std::min(wanted.not_after, certificate_->not_after());
  return crypto::IssueCertificate(wanted, Signer(deadline));
}

Status OwnCa::Establish(ledger::Ledger& ledger, Deadline deadline) {
  if (Load(ledger).ok()) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey key, key_.Public());
  crypto::CertificateBlueprint wanted = Blueprint(common_name_, key, kCaLife);
  wanted.is_ca = true;
  wanted.path_length = 0;
  wanted.usage.certificate_sign = true;
  wanted.usage.crl_sign = true;
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Certificate certificate,
                            crypto::IssueCertificate(wanted, Signer(deadline)));
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::Absent{path_});
  transaction.writes.push_back(ledger::Put{path_, certificate.der()});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger.Commit(transaction));
  // Somebody else was quicker: theirs counts.
  if (!outcome.committed) return Load(ledger);
  Use(std::move(certificate));
  return Ok();
}

Status OwnCa::Load(ledger::Ledger& ledger) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry, ledger.Get(path_));
  if (!entry) {
    return Error(Code::kFailedPrecondition,
                 "the appliance has no operator CA yet; set it up with `twinseal appliance init`");
  }
  TWINSEAL_ASSIGN_OR_RETURN(certificate_, crypto::Certificate::FromDer(entry->value));
  return Ok();
}

}  // namespace twinseal::service
