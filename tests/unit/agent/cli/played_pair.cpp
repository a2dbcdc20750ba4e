#include "tests/unit/agent/cli/played_pair.h"

#include "common/crypto/x509.h"

namespace twinseal::cli {
namespace {

constexpr const char* kPairingId = "00112233445566778899aabbccddeeff";

Error Refuse(const std::string& message) { return Error(Code::kFailedPrecondition, message); }

v1::Place SiteCalled(const std::string& name) {
  v1::Place place;
  place.set_name(name);
  place.set_api("https://" + name + ".example:9443");
  place.set_peer("192.0.2.1:2380");
  place.set_identity_public_key_der("identity of " + name);
  return place;
}

}  // namespace

PlayedPair::PlayedPair(FakeAppliances& holder, FakeAppliances& joiner_to_strangers,
                       FakeAppliances& joiner_to_members) {
  joiner_to_strangers.endpoints() = {kJoiner};
  joiner_to_members.endpoints() = {kJoiner};
  PlayHolder(holder);
  PlayJoiner(joiner_to_strangers, true);
  PlayJoiner(joiner_to_members, false);
}

bool PlayedPair::Repeated(const std::string& request_id, const std::string& request) {
  EXPECT_GE(request_id.size(), 8U);
  const auto [there, fresh] = requests_.emplace(request_id, request);
  EXPECT_EQ(there->second, request) << "two requests are called " << request_id;
  return !fresh;
}

v1::PairConfig PlayedPair::Config() const {
  v1::PairConfig config;
  config.set_domain_id("d0d0");
  config.set_epoch(1);
  *config.add_places() = transcript_.holder();
  *config.add_places() = transcript_.joiner();
  *config.add_places() = transcript_.witness();
  return config;
}

v1::GetPairResponse PlayedPair::Look(const std::string& site, const std::string& phase) const {
  v1::GetPairResponse response;
  response.set_site(site);
  response.set_phase(phase);
  if (phase != "alone" && phase != "joining") {
    response.set_pairing_id(kPairingId);
    response.set_code(kCode);
    response.set_detail("waits for its operator");
  }
  if (phase == "paired") *response.mutable_config() = Config();
  return response;
}

void PlayedPair::PlayHolder(FakeAppliances& holder) {
  holder.On<v1::GetStatusRequest, v1::GetStatusResponse>(
      "ApplianceService/GetStatus",
      [](const v1::GetStatusRequest&) -> Result<v1::GetStatusResponse> {
        v1::GetStatusResponse response;
        response.set_site("a");
        response.set_ready(true);
        return response;
      });
  holder.On<v1::GetPairRequest, v1::GetPairResponse>(
      "SiteService/GetPair", [this](const v1::GetPairRequest&) -> Result<v1::GetPairResponse> {
        if (holder_phase == "moving" && --moves_for <= 0) holder_phase = joiner_phase = "paired";
        return Look("a", holder_phase);
      });
  holder.On<v1::BeginPairingRequest, v1::BeginPairingResponse>(
      "PairingService/BeginPairing",
      [this](const v1::BeginPairingRequest& request) -> Result<v1::BeginPairingResponse> {
        v1::BeginPairingResponse response;
        if (!Repeated(request.request_id(), request.SerializeAsString())) {
          if (holder_phase != "alone" && request.replaces().empty()) return Refuse("not alone");
          replaced = request.replaces();
          transcript_.set_pairing_id(kPairingId);
          *transcript_.mutable_holder() = SiteCalled("a");
          transcript_.mutable_witness()->set_name(request.witness_name());
          transcript_.mutable_witness()->set_peer(request.witness_peer());
          transcript_.mutable_witness()->set_api(request.witness_api());
          transcript_.mutable_witness()->set_witness(true);
          holder_phase = "offered";
        }
        v1::PairingTranscript offered = transcript_;
        offered.clear_joiner();
        response.mutable_offer()->set_body(offered.SerializeAsString());
        return response;
      });
  holder.On<v1::AgreePairingRequest, v1::AgreePairingResponse>(
      "PairingService/AgreePairing",
      [this](const v1::AgreePairingRequest& request) -> Result<v1::AgreePairingResponse> {
        if (!Repeated(request.request_id(), request.SerializeAsString())) {
          if (holder_phase != "offered") return Refuse("no offer");
          holder_phase = "agreed";
        }
        v1::AgreePairingResponse response;
        response.mutable_agreement()->set_body(request.answer().body());
        response.mutable_agreement()->set_signature("a's");
        response.set_code(kCode);
        return response;
      });
  holder.On<v1::ReleaseDomainRequest, v1::ReleaseDomainResponse>(
      "PairingService/ReleaseDomain",
      [this](const v1::ReleaseDomainRequest& request) -> Result<v1::ReleaseDomainResponse> {
        if (holder_phase != "agreed" && holder_phase != "released") return Refuse("no agreement");
        if (!holder_confirmed) return Refuse("the operator of site a has not confirmed");
        EXPECT_EQ(request.pairing_id(), kPairingId);
        holder_phase = "released";
        v1::DomainRelease release;
        *release.mutable_config() = Config();
        release.set_operator_ca_pem("the operator CA\n");
        release.set_ledger_ca_pem("the ledger CA\n");
        v1::ReleaseDomainResponse response;
        response.mutable_release()->set_body(release.SerializeAsString());
        response.mutable_agreement()->set_body("agreement");
        return response;
      });
  holder.On<v1::IssueClientCertificateRequest, v1::IssueClientCertificateResponse>(
      "ApplianceService/IssueClientCertificate",
      [this](const v1::IssueClientCertificateRequest& request)
          -> Result<v1::IssueClientCertificateResponse> {
        EXPECT_EQ(request.role(), v1::AGENT);
        EXPECT_EQ(request.name(), "agent");
        const auto csr = crypto::CertificateRequest::FromPem(request.csr_pem());
        EXPECT_TRUE(csr.ok());
        if (!Repeated(request.request_id(), request.SerializeAsString())) ++certificates;
        v1::IssueClientCertificateResponse response;
        response.set_certificate_pem("the agent's certificate\n");
        response.set_ca_pem("the operator CA\n");
        return response;
      });
  holder.On<v1::ConcludePairingRequest, v1::ConcludePairingResponse>(
      "PairingService/ConcludePairing",
      [this](const v1::ConcludePairingRequest& request) -> Result<v1::ConcludePairingResponse> {
        EXPECT_EQ(request.joiner_proof(), "proof");
        if (unsettled_for > 0) {
          --unsettled_for;
          return Error(Code::kUnavailable, "unhealthy cluster");
        }
        if (!Repeated(request.request_id(), request.SerializeAsString())) {
          if (holder_phase != "released") return Refuse("nothing was released");
          holder_phase = "moving";
        }
        v1::ConcludePairingResponse response;
        *response.mutable_config() = Config();
        response.set_ledger_ca_pem("the ledger CA\n");
        return response;
      });
  holder.On<v1::AbortPairingRequest, v1::AbortPairingResponse>(
      "PairingService/AbortPairing",
      [this](const v1::AbortPairingRequest& request) -> Result<v1::AbortPairingResponse> {
        EXPECT_EQ(request.pairing_id(), kPairingId);
        Repeated(request.request_id(), request.SerializeAsString());
        holder_phase = "alone";
        v1::AbortPairingResponse response;
        if (holder_can_sign) response.mutable_abandonment()->set_body(request.pairing_id());
        return response;
      });
}

void PlayedPair::PlayJoiner(FakeAppliances& joiner, bool to_strangers) {
  // With the domain it has the domain's certificate, and speaks to those who have one.
  const auto shut = [this, to_strangers]() -> Status {
    const bool member = joiner_phase == "accepted" || joiner_phase == "paired";
    if (member != to_strangers) return Ok();
    return Error(Code::kUnauthenticated, "the certificate is another; check it");
  };
  joiner.On<v1::GetPairRequest, v1::GetPairResponse>(
      "SiteService/GetPair",
      [this, shut](const v1::GetPairRequest&) -> Result<v1::GetPairResponse> {
        TWINSEAL_RETURN_IF_ERROR(shut());
        return Look(joiner_name, joiner_phase);
      });
  joiner.On<v1::AnswerPairingRequest, v1::AnswerPairingResponse>(
      "PairingService/AnswerPairing",
      [this, shut](const v1::AnswerPairingRequest& request) -> Result<v1::AnswerPairingResponse> {
        TWINSEAL_RETURN_IF_ERROR(shut());
        EXPECT_TRUE(request.has_offer());
        joiner_phase = "answered";
        *transcript_.mutable_joiner() = SiteCalled(joiner_name);
        v1::AnswerPairingResponse response;
        response.mutable_answer()->set_body(transcript_.SerializeAsString());
        response.set_code(joiner_code);
        return response;
      });
  joiner.On<v1::AcceptDomainRequest, v1::AcceptDomainResponse>(
      "PairingService/AcceptDomain",
      [this, shut](const v1::AcceptDomainRequest& request) -> Result<v1::AcceptDomainResponse> {
        TWINSEAL_RETURN_IF_ERROR(shut());
        EXPECT_EQ(request.agreement().body(), "agreement");
        if (!joiner_confirmed) return Refuse("the operator of site b has not confirmed");
        joiner_phase = "accepted";
        v1::AcceptDomainResponse response;
        response.set_joiner_proof("proof");
        return response;
      });
  joiner.On<v1::AbortPairingRequest, v1::AbortPairingResponse>(
      "PairingService/AbortPairing",
      [this, shut](const v1::AbortPairingRequest& request) -> Result<v1::AbortPairingResponse> {
        TWINSEAL_RETURN_IF_ERROR(shut());
        const bool may_give_back = request.abandonment().body() == kPairingId;
        if (joiner_refuses_to_abort || (joiner_phase == "accepted" && !may_give_back)) {
          return Refuse("it has the keys already");
        }
        joiner_phase = "joining";
        return v1::AbortPairingResponse();
      });
}

}  // namespace twinseal::cli
