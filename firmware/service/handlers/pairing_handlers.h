// PairingService, at a site that has a domain.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/pair/departure.h"
#include "firmware/service/pair/holder.h"
#include "firmware/service/pair/pair_file.h"
#include "twinseal/v1/pair.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class PairingHandlers {
 public:
  PairingHandlers(Gate& gate, Holder& holder, Departure& departure, PairFile& file,
                  std::function<void()> restart)
      : gate_(gate),
        holder_(holder),
        departure_(departure),
        file_(file),
        restart_(std::move(restart)) {}

  void BeginPairing(Call<v1::BeginPairingRequest> call, Respond<v1::BeginPairingResponse> respond);
  void AgreePairing(Call<v1::AgreePairingRequest> call, Respond<v1::AgreePairingResponse> respond);
  void ReleaseDomain(Call<v1::ReleaseDomainRequest> call,
                     Respond<v1::ReleaseDomainResponse> respond);
  void ConcludePairing(Call<v1::ConcludePairingRequest> call,
                       Respond<v1::ConcludePairingResponse> respond);
  void AbortPairing(Call<v1::AbortPairingRequest> call, Respond<v1::AbortPairingResponse> respond);
  void LeavePair(Call<v1::LeavePairRequest> call, Respond<v1::LeavePairResponse> respond);
  void RecoverPair(Call<v1::RecoverPairRequest> call, Respond<v1::RecoverPairResponse> respond);
  // From anybody: a site that has accepted repeats what it answered, for a caller that did not hear
  // it.
  Result<v1::AcceptDomainResponse> AcceptDomain(const v1::AcceptDomainRequest& request) const;

 private:
  Gate& gate_;
  Holder& holder_;
  Departure& departure_;
  PairFile& file_;
  const std::function<void()> restart_;
};

}  // namespace twinseal::service
