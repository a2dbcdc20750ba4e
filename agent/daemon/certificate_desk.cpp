#include "agent/daemon/certificate_desk.h"

#include <algorithm>
#include <utility>

#include "agent/daemon/credentials.h"
#include "agent/daemon/places.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::agent {
namespace {

// A site's core may be behind other requests; two of them fit.
constexpr std::chrono::milliseconds kCallTime{8'000};
constexpr std::chrono::milliseconds kConnectTime{2'000};
constexpr const char* kIssue = "/twinseal.v1.SiteService/IssuePlaceCertificates";

Result<std::string> RequestFor(const crypto::SoftwareKey& key) {
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::CertificateRequest request,
      crypto::CertificateRequest::Make(key, {{"CN", etcd::kMemberCommonName}}));
  return request.Pem();
}

// The longest time after which it still serves as long again.
std::chrono::seconds HalfLife(const crypto::Certificate& certificate) {
  return (certificate.not_after() - certificate.not_before()) / 2;
}

}  // namespace

Result<std::shared_ptr<client::Caller>> CertificateDesk::CallerOf(const v1::WitnessState& state) {
  TWINSEAL_ASSIGN_OR_RETURN(https::Identity identity,
                            SiteIdentity(data_dir_, state.operator_ca_pem(), proxy_));
  connect::ClientOptions options;
  for (const v1::Place& site : SitesOf(state.config())) options.endpoints.push_back(site.api());
  options.ca_pem = std::move(identity.ca_pem);
  options.certificate_pem = std::move(identity.certificate_pem);
  options.key_pem = std::move(identity.key_pem);
  options.proxy = proxy_;
  options.connect_timeout = kConnectTime;
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<client::Caller> sites,
                            client::Caller::Create(std::move(options)));
  const MutexLock lock(mutex_);
  if (stopped_) return Error(Code::kCanceled, "the agent stops");
  asks_ = sites;
  return sites;
}

void CertificateDesk::Stop() {
  std::shared_ptr<client::Caller> asks;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    asks = asks_;
  }
  if (asks != nullptr) asks->Stop();
}

Result<PlaceCertificates> CertificateDesk::Ask(const v1::WitnessState& state, bool new_member) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<client::Caller> sites, CallerOf(state));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey member_key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey server_key, crypto::SoftwareKey::Generate());
  v1::IssuePlaceCertificatesRequest request;
  TWINSEAL_ASSIGN_OR_RETURN(*request.mutable_member_csr_pem(), RequestFor(member_key));
  TWINSEAL_ASSIGN_OR_RETURN(*request.mutable_server_csr_pem(), RequestFor(server_key));
  request.set_member_is_new(new_member);
  v1::IssuePlaceCertificatesResponse issued;
  connect::CallOptions call;
  call.timeout = kCallTime;
  call.persist = std::chrono::milliseconds::zero();  // It is asked again anyway.
  TWINSEAL_RETURN_IF_ERROR(sites->Call(kIssue, request, issued, call));
  if (issued.ledger_ca_pem() != state.ledger_ca_pem()) {
    return Error(Code::kDataLoss,
                 "a site has certified this place with another ledger CA than the pair had when "
                 "this place joined it; it is not used. See `twinseal pair status` at both sites");
  }

  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate operator_ca,
                            crypto::Certificate::FromPem(state.operator_ca_pem()));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate server,
                            crypto::Certificate::FromPem(issued.server_certificate_pem()));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate member,
                            crypto::Certificate::FromPem(issued.member_certificate_pem()));
  PlaceCertificates certificates;
  TWINSEAL_ASSIGN_OR_RETURN(certificates.server,
                            crypto::ServerTls::Make({server}, server_key, operator_ca));
  certificates.member.certificate_pem = issued.member_certificate_pem();
  TWINSEAL_ASSIGN_OR_RETURN(certificates.member.key_pem, member_key.Pem());
  certificates.member.ca_pem = state.ledger_ca_pem();
  certificates.ledger_client.ca_pem = state.ledger_ca_pem();
  certificates.ledger_client.certificate_pem = issued.member_certificate_pem();
  TWINSEAL_ASSIGN_OR_RETURN(certificates.ledger_client.key_pem, member_key.Pem());
  certificates.config = issued.config();
  certificates.taken_in = issued.member_taken_in();
  certificates.renew_at =
      std::chrono::steady_clock::now() + std::min(HalfLife(server), HalfLife(member));
  return certificates;
}

}  // namespace twinseal::agent
