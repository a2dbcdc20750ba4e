// CertificateService.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/inventory/inventory.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/key_store.h"
#include "twinseal/v1/certificates.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class CertificateHandlers {
 public:
  CertificateHandlers(Gate& gate, KeyDirectory& directory, KeyStore& store, Inventory& inventory)
      : gate_(gate), directory_(directory), store_(store), inventory_(inventory) {}

  void ImportCertificate(Call<v1::ImportCertificateRequest> call, Respond<v1::Certificate> respond);
  void ListCertificates(Call<v1::ListCertificatesRequest> call,
                        Respond<v1::ListCertificatesResponse> respond);
  void RemoveCertificate(Call<v1::RemoveCertificateRequest> call, Respond<v1::Certificate> respond);

 private:
  using Caller = policy::Authorized<policy::Procedure::kListCertificates>;
  Result<v1::ListCertificatesResponse> ListOne(const Caller& caller, std::string_view key,
                                               v1::AuditRecord& record);
  Result<v1::ListCertificatesResponse> ListPage(const Caller& caller, std::string_view page_token);

  Gate& gate_;
  KeyDirectory& directory_;
  KeyStore& store_;
  Inventory& inventory_;
};

}  // namespace twinseal::service
