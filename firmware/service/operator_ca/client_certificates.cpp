#include "firmware/service/operator_ca/client_certificates.h"

#include <utility>

#include "firmware/service/keys/request_log.h"

namespace twinseal::service {
namespace {

Result<std::optional<v1::IssueClientCertificateResponse>> Replay(ledger::Ledger& ledger,
                                                                 const Mutation& mutation) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<GivenAnswer> given, FindAnswer(ledger, mutation));
  if (!given) return std::optional<v1::IssueClientCertificateResponse>();
  v1::IssueClientCertificateResponse response;
  if (!response.ParseFromArray(given->answer.data(), static_cast<int>(given->answer.size()))) {
    return Error(Code::kDataLoss,
                 "the ledger's record of this request is damaged; use a new request_id");
  }
  return std::optional<v1::IssueClientCertificateResponse>(std::move(response));
}

}  // namespace

Result<v1::IssueClientCertificateResponse> IssueClientCertificate(
    OperatorCa& ca, ledger::Ledger& ledger, const Mutation& mutation,
    const v1::IssueClientCertificateRequest& request, std::int64_t now_unix_ms) {
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<v1::IssueClientCertificateResponse> before,
                            Replay(ledger, mutation));
  if (before) return *std::move(before);
  TWINSEAL_ASSIGN_OR_RETURN(const policy::Principal principal,
                            policy::Principal::Make(request.role(), request.name()));
  if (principal.role() == policy::Role::kSite) {
    return Error(Code::kInvalidArgument,
                 "role is one of OPERATOR, AUDITOR, APPLICATION and AGENT; a site has its "
                 "certificate from itself");
  }
  const Result<crypto::CertificateRequest> csr =
      crypto::CertificateRequest::FromPem(request.csr_pem());
  if (!csr.ok()) return csr.error().Within("csr_pem");
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::Certificate certificate,
      ca.IssueClient(principal, csr->public_key(), request.days(), mutation.deadline));
  v1::IssueClientCertificateResponse response;
  response.set_certificate_pem(certificate.Pem());
  response.set_ca_pem(ca.certificate().Pem());
  ledger::Transaction transaction;
  RecordAnswer(transaction, mutation, ToBytes(response.SerializeAsString()), now_unix_ms);
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger.Commit(transaction));
  if (outcome.committed) return response;
  // The same request came twice at once; the other's answer counts.
  TWINSEAL_ASSIGN_OR_RETURN(before, Replay(ledger, mutation));
  if (before) return *std::move(before);
  return Error(Code::kAborted, "the certificate could not be recorded; try again");
}

}  // namespace twinseal::service
