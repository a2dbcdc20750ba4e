#include "tests/support/certificates.h"

namespace twinseal::test {
namespace {

using crypto::CertificateBlueprint;
using crypto::SoftwareKey;

crypto::UnixTime Now() {
  return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

CertificateBlueprint Blueprint(const std::string& name, const crypto::PublicKey& key,
                               TestCa::Days days) {
  const TestCa::Days before = std::max(TestCa::Days(1), TestCa::Days(1) - days);
  return {.subject = {{"CN", name}},
          .subject_key = key,
          .issuer = std::nullopt,
          .scheme = v1::ECDSA_SHA256,
          .not_before = Now() - before,
          .not_after = Now() + days,
          .serial = {},
          .is_ca = false,
          .path_length = std::nullopt,
          .usage = {.digital_signature = true},
          .tls_server = false,
          .tls_client = false,
          .uris = {},
          .dns_names = {},
          .ip_addresses = {}};
}

CertificateBlueprint MemberBlueprint(const crypto::PublicKey& key) {
  CertificateBlueprint blueprint = Blueprint("twinseal-member", key, TestCa::Days(7));
  blueprint.tls_server = true;
  blueprint.tls_client = true;
  blueprint.ip_addresses = {"127.0.0.1"};
  return blueprint;
}

crypto::DigestSigner SignWith(const SoftwareKey& key) {
  return [key](v1::Scheme scheme, BytesView digest) { return key.Sign(scheme, digest); };
}

CertificateBlueprint CaBlueprint(const std::string& name, const SoftwareKey& key) {
  CertificateBlueprint blueprint = Blueprint(name, key.public_key(), TestCa::Days(30));
  blueprint.is_ca = true;
  blueprint.path_length = 0;
  blueprint.usage = {.digital_signature = false, .certificate_sign = true, .crl_sign = true};
  return blueprint;
}

}  // namespace

TestCa::TestCa(const std::string& name)
    : key_(*SoftwareKey::Generate()),
      certificate_(*IssueCertificate(CaBlueprint(name, key_), SignWith(key_))) {}

TestCa::TestCa(const TestCa& issuer, const std::string& name)
    : key_(*SoftwareKey::Generate()),
      certificate_(issuer.Issue(CaBlueprint(name, key_), key_).certificate) {}

Identity TestCa::Issue(CertificateBlueprint blueprint, const SoftwareKey& key) const {
  blueprint.issuer = certificate_;
  return {key, *IssueCertificate(blueprint, SignWith(key_))};
}

Identity TestCa::Server(Days days) const {
  const SoftwareKey key = *SoftwareKey::Generate();
  CertificateBlueprint blueprint = Blueprint("appliance", key.public_key(), days);
  blueprint.tls_server = true;
  blueprint.ip_addresses = {"127.0.0.1"};
  return Issue(std::move(blueprint), key);
}

Identity TestCa::Member() const {
  const SoftwareKey key = *SoftwareKey::Generate();
  return Issue(MemberBlueprint(key.public_key()), key);
}

Identity TestCa::Client(const std::string& name, Days days) const {
  return Caller("twinseal:operator/" + name, days);
}

Identity TestCa::Caller(const std::string& uri, Days days) const {
  const SoftwareKey key = *SoftwareKey::Generate();
  CertificateBlueprint blueprint =
      Blueprint(uri.substr(uri.rfind('/') + 1), key.public_key(), days);
  blueprint.tls_client = true;
  blueprint.uris = {uri};
  return Issue(std::move(blueprint), key);
}

crypto::Certificate TestCa::Certify(const crypto::PublicKey& key, const std::string& name) const {
  CertificateBlueprint blueprint = Blueprint(name, key, Days(7));
  blueprint.issuer = certificate_;
  return *IssueCertificate(blueprint, SignWith(key_));
}

TestCa::Unentitled TestCa::CertifyUnentitled(const crypto::PublicKey& key,
                                             const std::string& name) const {
  const SoftwareKey issuing = *SoftwareKey::Generate();
  CertificateBlueprint issuer = Blueprint("no CA", issuing.public_key(), Days(7));
  issuer.usage = {.digital_signature = true, .certificate_sign = true};
  CertificateBlueprint blueprint = Blueprint(name, key, Days(7));
  blueprint.issuer = Issue(issuer, issuing).certificate;
  const crypto::Certificate issued = *IssueCertificate(blueprint, SignWith(issuing));
  return {issued, *blueprint.issuer};
}

crypto::Certificate TestCa::CertifyMember(const std::string& csr_pem) const {
  CertificateBlueprint blueprint =
      MemberBlueprint(crypto::CertificateRequest::FromPem(csr_pem).value().public_key());
  blueprint.issuer = certificate_;
  return *IssueCertificate(blueprint, SignWith(key_));
}

std::shared_ptr<const crypto::ServerTls> TestCa::ServerTls(const Identity& server) const {
  return *crypto::ServerTls::Make({server.certificate}, server.key, certificate_);
}

}  // namespace twinseal::test
