#include "firmware/service/handlers/site_handlers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/x509.h"
#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {

using policy::Procedure;

namespace {

constexpr std::chrono::milliseconds kPatience{1'000};
constexpr std::chrono::milliseconds kAnswerBefore{500};

Result<crypto::PublicKey> KeyOf(const std::string& csr_pem, std::string_view field) {
  const Result<crypto::CertificateRequest> csr = crypto::CertificateRequest::FromPem(csr_pem);
  if (!csr.ok()) return csr.error().Within(field);
  return csr->public_key();
}

}  // namespace

void SiteHandlers::IssuePlaceCertificates(Call<v1::IssuePlaceCertificatesRequest> call,
                                          Respond<v1::IssuePlaceCertificatesResponse> respond) {
  gate_.EnterBlocking<Procedure::kIssuePlaceCertificates, v1::IssuePlaceCertificatesRequest,
                      v1::IssuePlaceCertificatesResponse>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::IssuePlaceCertificatesRequest& request,
             auto& operation) {
        if (request.member_is_new()) {
          operation.record().set_detail("its member of the ledger has lost its data and is new");
        }
        return Issue(caller.principal(), request, operation.deadline());
      });
}

Result<v1::IssuePlaceCertificatesResponse> SiteHandlers::Issue(
    const policy::Principal& caller, const v1::IssuePlaceCertificatesRequest& request,
    Deadline deadline) {
  const v1::PairState state = file_.state();
  if (state.phase() == v1::PairState::FENCED) {
    return Error(Code::kUnavailable, std::string(kFencedReason));
  }
  const v1::Place* const place = FindPlace(state.config(), caller.name());
  const bool is_agent = caller.role() == policy::Role::kAgent;
  if (place == nullptr || place->witness() != is_agent || !ledger_ca_.established()) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("'{}' is no place of a pair that this site belongs to", caller.name()));
  }
  // What the pair's record says, and nothing that the caller says: a witness shall not speak for a
  // site.
  const std::vector<std::string> addresses = AddressesOf(*place);
  v1::IssuePlaceCertificatesResponse response;
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey member,
                            KeyOf(request.member_csr_pem(), "member_csr_pem"));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate member_certificate,
                            ledger_ca_.IssueMember(addresses, member, kMemberLife, deadline));
  response.set_member_certificate_pem(member_certificate.Pem());
  if (request.member_is_new()) {
    TWINSEAL_RETURN_IF_ERROR(replace_member_(*place, deadline));
    response.set_member_taken_in(true);
  }
  if (!request.server_csr_pem().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey server,
                              KeyOf(request.server_csr_pem(), "server_csr_pem"));
    TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate server_certificate,
                              operator_ca_.IssueServer(caller.name(), addresses, server, deadline));
    response.set_server_certificate_pem(server_certificate.Pem());
  }
  response.set_ledger_ca_pem(ledger_ca_.certificate().Pem());
  response.set_operator_ca_pem(operator_ca_.certificate().Pem());
  *response.mutable_config() = state.config();
  return response;
}

void SiteHandlers::AwaitApplied(const v1::AwaitAppliedRequest& request, Deadline deadline,
                                Respond<v1::AwaitAppliedResponse> respond) {
  // Before the caller stops waiting, so that it knows that this site is there.
  const Deadline answer_by =
      std::min(deadline - kAnswerBefore, std::chrono::steady_clock::now() + kPatience);
  applied_.When(
      ledger::Revision{request.revision()}, answer_by,
      [respond = std::move(respond), epoch = request.epoch(), this](ledger::Revision applied) {
        v1::AwaitAppliedResponse response;
        const v1::PairState state = file_.state();
        if (state.config().epoch() > epoch) *response.mutable_config() = state.config();
        response.set_applied(ledger::Number(applied));
        respond(std::move(response));
      });
}

void SiteHandlers::GetMark(const std::string& site, Respond<v1::GetMarkResponse> respond) {
  const bool accepted = pool_.Submit([this, site, respond] {
    const auto read = [&]() -> Result<v1::GetMarkResponse> {
      TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry,
                                ledger_.Get(MarkPath(site)));
      v1::GetMarkResponse response;
      if (entry) response.set_record(ToString(entry->value));
      return response;
    };
    respond(Guarded<v1::GetMarkResponse>(read));
  });
  if (!accepted) respond(Error(Code::kResourceExhausted, "too many requests are waiting"));
}

void SiteHandlers::SetMaintenance(Call<v1::SetMaintenanceRequest> call,
                                  Respond<v1::SetMaintenanceResponse> respond) {
  gate_.EnterBlocking<Procedure::kSetMaintenance, v1::SetMaintenanceRequest,
                      v1::SetMaintenanceResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::SetMaintenanceRequest& request,
             auto& operation) -> Result<v1::SetMaintenanceResponse> {
        if (maintenance_ == nullptr) {
          return Error(Code::kFailedPrecondition,
                       "the appliance is alone: nobody could stand in for it. To maintain it, "
                       "stop it");
        }
        TWINSEAL_RETURN_IF_ERROR(request.maintenance()
                                     ? maintenance_->Start(operation.deadline())
                                     : maintenance_->Finish(operation.deadline()));
        v1::SetMaintenanceResponse response;
        response.set_standing(request.maintenance() ? "maintenance" : "active");
        return response;
      });
}

void SiteHandlers::ReadArchive(Call<v1::ReadArchiveRequest> call,
                               Respond<v1::ReadArchiveResponse> respond) {
  gate_.EnterBlocking<Procedure::kReadArchive, v1::ReadArchiveRequest, v1::ReadArchiveResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::ReadArchiveRequest& request,
             auto&) -> Result<v1::ReadArchiveResponse> {
        TWINSEAL_ASSIGN_OR_RETURN(const journal::ArchivePage page,
                                  archive_.Read(journal::Position{request.after()}));
        v1::ReadArchiveResponse response;
        response.set_through(journal::Number(page.through));
        for (const journal::Entry& entry : page.entries) {
          v1::ArchivedEntry& archived = *response.add_entries();
          archived.set_name(entry.name);
          archived.set_content(ToString(entry.content));
          archived.set_position(journal::Number(entry.position));
        }
        return response;
      });
}

void SiteHandlers::GetPair(Call<v1::GetPairRequest> call, Respond<v1::GetPairResponse> respond) {
  gate_.EnterBlocking<Procedure::kGetPair, v1::GetPairRequest, v1::GetPairResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::GetPairRequest&, auto&) -> Result<v1::GetPairResponse> {
        return view_.Describe();
      });
}

}  // namespace twinseal::service
