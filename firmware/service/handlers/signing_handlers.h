// SigningService.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/signing/signer.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks, and none takes a thread while it waits.
class SigningHandlers {
 public:
  SigningHandlers(Gate& gate, Signer& signer) : gate_(gate), signer_(signer) {}

  void Sign(Call<v1::SignRequest> call, Respond<v1::SignResponse> respond);
  void SignBatch(Call<v1::SignBatchRequest> call, Respond<v1::SignBatchResponse> respond);

 private:
  Gate& gate_;
  Signer& signer_;
};

}  // namespace twinseal::service
