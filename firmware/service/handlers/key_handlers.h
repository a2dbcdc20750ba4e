// KeyService.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/key_store.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class KeyHandlers {
 public:
  KeyHandlers(Gate& gate, KeyDirectory& directory, KeyStore& store, WallClock clock)
      : gate_(gate), directory_(directory), store_(store), clock_(std::move(clock)) {}

  void CreateKey(Call<v1::CreateKeyRequest> call, Respond<v1::Key> respond);
  void GetKey(Call<v1::GetKeyRequest> call, Respond<v1::Key> respond);
  void ListKeys(Call<v1::ListKeysRequest> call, Respond<v1::ListKeysResponse> respond);
  void GetPublicKey(Call<v1::GetPublicKeyRequest> call, Respond<v1::GetPublicKeyResponse> respond);
  void RotateKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond);
  void EnableKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond);
  void DisableKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond);
  void SetKeyPolicy(Call<v1::SetKeyPolicyRequest> call, Respond<v1::Key> respond);
  void ScheduleKeyDestruction(Call<v1::ScheduleKeyDestructionRequest> call,
                              Respond<v1::Key> respond);
  void CancelKeyDestruction(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond);
  void DestroyKey(Call<v1::ChangeKeyRequest> call, Respond<v1::Key> respond);

 private:
  // `transition(request)` gives the change that the request asks for.
  template <policy::Procedure P, typename Message, typename MakeTransition>
  void Change(Call<Message> call, Respond<v1::Key> respond, MakeTransition transition);

  Gate& gate_;
  KeyDirectory& directory_;
  KeyStore& store_;
  const WallClock clock_;
};

}  // namespace twinseal::service
