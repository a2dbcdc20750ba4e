// SiteService: what the places of a pair ask each other, and what operators ask about the pair.
#pragma once

#include <functional>
#include <string>

#include "firmware/journal/archive.h"
#include "firmware/service/handlers/gate.h"
#include "firmware/service/keys/applied.h"
#include "firmware/service/operator_ca/operator_ca.h"
#include "firmware/service/pair/ledger_ca.h"
#include "firmware/service/pair/maintenance.h"
#include "firmware/service/pair/pair_file.h"
#include "firmware/service/pair/pair_view.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class SiteHandlers {
 public:
  // `maintenance` is null for an appliance that is alone. `replace_member` has the ledger forget a
  // place's member and take in a new one.
  SiteHandlers(Gate& gate, WorkPool& pool, PairFile& file, PairView& view, Applied& applied,
               journal::Archive& archive, ledger::Ledger& ledger, OperatorCa& operator_ca,
               LedgerCa& ledger_ca, Maintenance* maintenance,
               std::function<Status(const v1::Place& place, Deadline deadline)> replace_member)
      : gate_(gate),
        pool_(pool),
        file_(file),
        view_(view),
        applied_(applied),
        archive_(archive),
        ledger_(ledger),
        operator_ca_(operator_ca),
        ledger_ca_(ledger_ca),
        maintenance_(maintenance),
        replace_member_(std::move(replace_member)) {}

  void IssuePlaceCertificates(Call<v1::IssuePlaceCertificatesRequest> call,
                              Respond<v1::IssuePlaceCertificatesResponse> respond);
  // From another site, several times for each change: it is not recorded.
  void AwaitApplied(const v1::AwaitAppliedRequest& request, Deadline deadline,
                    Respond<v1::AwaitAppliedResponse> respond);
  // From `site` itself, at its start: not recorded either.
  void GetMark(const std::string& site, Respond<v1::GetMarkResponse> respond);
  void SetMaintenance(Call<v1::SetMaintenanceRequest> call,
                      Respond<v1::SetMaintenanceResponse> respond);
  void ReadArchive(Call<v1::ReadArchiveRequest> call, Respond<v1::ReadArchiveResponse> respond);
  void GetPair(Call<v1::GetPairRequest> call, Respond<v1::GetPairResponse> respond);

 private:
  Result<v1::IssuePlaceCertificatesResponse> Issue(const policy::Principal& caller,
                                                   const v1::IssuePlaceCertificatesRequest& request,
                                                   Deadline deadline);

  Gate& gate_;
  WorkPool& pool_;
  PairFile& file_;
  PairView& view_;
  Applied& applied_;
  journal::Archive& archive_;
  ledger::Ledger& ledger_;
  OperatorCa& operator_ca_;
  LedgerCa& ledger_ca_;
  Maintenance* const maintenance_;
  const std::function<Status(const v1::Place& place, Deadline deadline)> replace_member_;
};

}  // namespace twinseal::service
