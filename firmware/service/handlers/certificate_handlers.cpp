#include "firmware/service/handlers/certificate_handlers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "firmware/service/handlers/key_change.h"
#include "firmware/service/keys/access.h"

namespace twinseal::service {
namespace {

using policy::Procedure;

// Reading asks no other place.
constexpr auto kHeard = journal::Journal::From::kHeard;

// A page ends after so many keys, or when it has so many bytes.
constexpr std::size_t kKeysOnPage = 1000;
constexpr std::size_t kPageBytes = std::size_t{512} * 1024;
constexpr std::size_t kIdDigits = 64;

// Into the record: which certificate, of which key.
void Note(v1::AuditRecord& record, const Result<v1::Certificate>& certificate) {
  if (!certificate.ok()) return;
  record.set_key_version(certificate->key_version());
  record.set_detail("certificate " + certificate->certificate_id());
}

Status CheckId(std::string_view id) {
  const bool is_hex = id.size() == kIdDigits && std::ranges::all_of(id, [](char digit) {
                        return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
                      });
  if (is_hex) return Ok();
  return Error(Code::kInvalidArgument,
               "certificate_id is the SHA-256 of a certificate: 64 of 0-9 and a-f");
}

// Whether the response has room for more.
bool Take(v1::ListCertificatesResponse& response, std::vector<v1::Certificate> certificates) {
  for (v1::Certificate& one : certificates) *response.add_certificates() = std::move(one);
  return response.ByteSizeLong() < kPageBytes;
}

}  // namespace

void CertificateHandlers::ImportCertificate(Call<v1::ImportCertificateRequest> call,
                                            Respond<v1::Certificate> respond) {
  gate_.EnterBlocking<Procedure::kImportCertificate, v1::ImportCertificateRequest, v1::Certificate>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::ImportCertificateRequest& request,
             auto& operation) -> Result<v1::Certificate> {
        TWINSEAL_ASSIGN_OR_RETURN(const KeyChange change,
                                  AuthorizeChange(directory_, store_, caller, request, operation));
        Result<v1::Certificate> imported = inventory_.Import(change.mutation, change.key, request);
        Note(operation.record(), imported);
        return imported;
      });
}

void CertificateHandlers::RemoveCertificate(Call<v1::RemoveCertificateRequest> call,
                                            Respond<v1::Certificate> respond) {
  gate_.EnterBlocking<Procedure::kRemoveCertificate, v1::RemoveCertificateRequest, v1::Certificate>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::RemoveCertificateRequest& request,
             auto& operation) -> Result<v1::Certificate> {
        TWINSEAL_RETURN_IF_ERROR(CheckId(request.certificate_id()));
        TWINSEAL_ASSIGN_OR_RETURN(const KeyChange change,
                                  AuthorizeChange(directory_, store_, caller, request, operation));
        Result<v1::Certificate> removed =
            inventory_.Remove(change.mutation, change.key, request.certificate_id());
        Note(operation.record(), removed);
        return removed;
      });
}

void CertificateHandlers::ListCertificates(Call<v1::ListCertificatesRequest> call,
                                           Respond<v1::ListCertificatesResponse> respond) {
  gate_.EnterBlocking<Procedure::kListCertificates, v1::ListCertificatesRequest,
                      v1::ListCertificatesResponse>(
      std::move(call), std::move(respond),
      [this](const auto& caller, const v1::ListCertificatesRequest& request,
             auto& operation) -> Result<v1::ListCertificatesResponse> {
        if (request.key().empty()) return ListPage(caller, request.page_token());
        return ListOne(caller, request.key(), operation.record());
      });
}

Result<v1::ListCertificatesResponse> CertificateHandlers::ListOne(const Caller& caller,
                                                                  std::string_view key,
                                                                  v1::AuditRecord& record) {
  TWINSEAL_ASSIGN_OR_RETURN(const KeyDirectory::View view,
                            FindKeyInReach(directory_, store_, caller, key, record));
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<v1::Certificate> certificates,
                            inventory_.Of(view->key.key_id(), view->key.name(), kHeard));
  v1::ListCertificatesResponse response;
  Take(response, std::move(certificates));
  return response;
}

Result<v1::ListCertificatesResponse> CertificateHandlers::ListPage(const Caller& caller,
                                                                   std::string_view page_token) {
  if (!page_token.empty() && !LooksLikeKeyId(page_token)) {
    return Error(Code::kInvalidArgument,
                 "page_token is not one that a listing gave; leave it out to begin anew");
  }
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                            inventory_.KeysBehind(page_token, kKeysOnPage));
  v1::ListCertificatesResponse response;
  if (keys.size() == kKeysOnPage) response.set_next_page_token(keys.back());
  for (const std::string& id : keys) {
    const KeyDirectory::View view = directory_.Find(id);
    if (view == nullptr || view->key.state() == v1::DESTROYED ||
        !policy::MayList(caller, view->key, store_.site())) {
      continue;
    }
    Result<std::vector<v1::Certificate>> certificates = inventory_.Of(id, view->key.name(), kHeard);
    if (!certificates.ok() && certificates.error().code() == Code::kDataLoss) {
      // Those of the other keys are listed all the same.
      spdlog::error("listing the certificates of key {}: {}", id, certificates.error().message());
      continue;
    }
    if (!certificates.ok()) return certificates.error();
    if (Take(response, *std::move(certificates))) continue;
    if (id != keys.back()) response.set_next_page_token(id);
    break;
  }
  return response;
}

}  // namespace twinseal::service
