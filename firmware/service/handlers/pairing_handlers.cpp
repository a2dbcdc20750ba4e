#include "firmware/service/handlers/pairing_handlers.h"

#include <utility>

#include "firmware/service/pair/joiner.h"

namespace twinseal::service {

using policy::Procedure;

void PairingHandlers::BeginPairing(Call<v1::BeginPairingRequest> call,
                                   Respond<v1::BeginPairingResponse> respond) {
  gate_.EnterBlocking<Procedure::kBeginPairing, v1::BeginPairingRequest, v1::BeginPairingResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::BeginPairingRequest& request, auto& operation) {
        return holder_.Begin(request, operation.deadline());
      });
}

void PairingHandlers::AgreePairing(Call<v1::AgreePairingRequest> call,
                                   Respond<v1::AgreePairingResponse> respond) {
  gate_.EnterBlocking<Procedure::kAgreePairing, v1::AgreePairingRequest, v1::AgreePairingResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::AgreePairingRequest& request, auto& operation) {
        return holder_.Agree(request, operation.deadline());
      });
}

void PairingHandlers::ReleaseDomain(Call<v1::ReleaseDomainRequest> call,
                                    Respond<v1::ReleaseDomainResponse> respond) {
  gate_.EnterBlocking<Procedure::kReleaseDomain, v1::ReleaseDomainRequest,
                      v1::ReleaseDomainResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::ReleaseDomainRequest& request, auto& operation) {
        return holder_.Release(request, operation.deadline());
      });
}

void PairingHandlers::ConcludePairing(Call<v1::ConcludePairingRequest> call,
                                      Respond<v1::ConcludePairingResponse> respond) {
  gate_.EnterBlocking<Procedure::kConcludePairing, v1::ConcludePairingRequest,
                      v1::ConcludePairingResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::ConcludePairingRequest& request, auto& operation) {
        return holder_.Conclude(request, operation.deadline());
      });
}

void PairingHandlers::AbortPairing(Call<v1::AbortPairingRequest> call,
                                   Respond<v1::AbortPairingResponse> respond) {
  gate_.EnterBlocking<Procedure::kAbortPairing, v1::AbortPairingRequest, v1::AbortPairingResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::AbortPairingRequest& request,
             auto& operation) -> Result<v1::AbortPairingResponse> {
        const v1::PairState::Phase phase = file_.state().phase();
        if (phase != v1::PairState::ACCEPTED && phase != v1::PairState::ABANDONED) {
          return holder_.Abort(request, operation.deadline());
        }
        TWINSEAL_RETURN_IF_ERROR(Abandon(file_, request));
        restart_();
        return v1::AbortPairingResponse();
      });
}

void PairingHandlers::LeavePair(Call<v1::LeavePairRequest> call,
                                Respond<v1::LeavePairResponse> respond) {
  gate_.EnterBlocking<Procedure::kLeavePair, v1::LeavePairRequest, v1::LeavePairResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::LeavePairRequest& request,
             auto&) -> Result<v1::LeavePairResponse> {
        TWINSEAL_RETURN_IF_ERROR(departure_.Leave(request));
        return v1::LeavePairResponse();
      });
}

void PairingHandlers::RecoverPair(Call<v1::RecoverPairRequest> call,
                                  Respond<v1::RecoverPairResponse> respond) {
  gate_.EnterBlocking<Procedure::kRecoverPair, v1::RecoverPairRequest, v1::RecoverPairResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::RecoverPairRequest& request,
             auto&) -> Result<v1::RecoverPairResponse> {
        TWINSEAL_RETURN_IF_ERROR(departure_.Recover(request));
        return v1::RecoverPairResponse();
      });
}

Result<v1::AcceptDomainResponse> PairingHandlers::AcceptDomain(
    const v1::AcceptDomainRequest& request) const {
  return RepeatAccept(file_.state(), request);
}

}  // namespace twinseal::service
