// ApplianceService.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/health/appliance_state.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/operator_ca/operator_ca.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class ApplianceHandlers {
 public:
  ApplianceHandlers(Gate& gate, ApplianceState& state, Core& core, OperatorCa& ca,
                    ledger::Ledger& ledger, WallClock clock)
      : gate_(gate),
        state_(state),
        core_(core),
        ca_(ca),
        ledger_(ledger),
        clock_(std::move(clock)) {}

  void GetStatus(Call<v1::GetStatusRequest> call, Respond<v1::GetStatusResponse> respond);
  void IssueClientCertificate(Call<v1::IssueClientCertificateRequest> call,
                              Respond<v1::IssueClientCertificateResponse> respond);
  void GenerateRandom(Call<v1::GenerateRandomRequest> call,
                      Respond<v1::GenerateRandomResponse> respond);

 private:
  Gate& gate_;
  ApplianceState& state_;
  Core& core_;
  OperatorCa& ca_;
  ledger::Ledger& ledger_;
  const WallClock clock_;
};

}  // namespace twinseal::service
