#include "firmware/service/handlers/appliance_handlers.h"

#include <utility>

#include <fmt/format.h>

#include "firmware/service/operator_ca/client_certificates.h"

namespace twinseal::service {
namespace {

// Enough for any seed or key; the HSM has other work to do.
constexpr std::uint32_t kMaxRandomBytes = 1024;

}  // namespace

using policy::Procedure;

void ApplianceHandlers::GetStatus(Call<v1::GetStatusRequest> call,
                                  Respond<v1::GetStatusResponse> respond) {
  gate_.EnterBlocking<Procedure::kGetStatus, v1::GetStatusRequest, v1::GetStatusResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::GetStatusRequest&, auto&) { return state_.Describe(); });
}

void ApplianceHandlers::IssueClientCertificate(
    Call<v1::IssueClientCertificateRequest> call,
    Respond<v1::IssueClientCertificateResponse> respond) {
  gate_.EnterBlocking<Procedure::kIssueClientCertificate, v1::IssueClientCertificateRequest,
                      v1::IssueClientCertificateResponse>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::IssueClientCertificateRequest& request,
             auto& operation) -> Result<v1::IssueClientCertificateResponse> {
        operation.record().set_key_name(std::string(kOperatorCaKey));
        TWINSEAL_ASSIGN_OR_RETURN(const Mutation mutation,
                                  MutationOf(caller, request, operation.deadline()));
        Result<v1::IssueClientCertificateResponse> response =
            service::IssueClientCertificate(ca_, ledger_, mutation, request, clock_());
        if (response.ok()) {
          const Result<policy::Principal> subject =
              policy::Principal::Make(request.role(), request.name());
          if (subject.ok()) operation.record().set_detail("issued for " + subject->Text());
        }
        return response;
      });
}

void ApplianceHandlers::GenerateRandom(Call<v1::GenerateRandomRequest> call,
                                       Respond<v1::GenerateRandomResponse> respond) {
  gate_.EnterBlocking<Procedure::kGenerateRandom, v1::GenerateRandomRequest,
                      v1::GenerateRandomResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::GenerateRandomRequest& request,
             auto& operation) -> Result<v1::GenerateRandomResponse> {
        if (request.size() < 1 || request.size() > kMaxRandomBytes) {
          return Error(Code::kInvalidArgument,
                       fmt::format("size: 1 to {} bytes are given at a time, not {}",
                                   kMaxRandomBytes, request.size()));
        }
        TWINSEAL_ASSIGN_OR_RETURN(const Bytes random,
                                  Random(core_, request.size(), operation.deadline()));
        v1::GenerateRandomResponse response;
        response.set_random(random.data(), random.size());
        return response;
      });
}

}  // namespace twinseal::service
