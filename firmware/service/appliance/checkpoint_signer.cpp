#include "firmware/service/appliance/checkpoint_signer.h"

#include <chrono>
#include <utility>

#include "common/crypto/digest.h"

namespace twinseal::service {
namespace {

constexpr std::chrono::seconds kCheckpointTime{5};

}  // namespace

audit::CheckpointSigner MakeCheckpointSigner(OwnKey& key) {
  return [&key](std::string_view text) -> Result<audit::CheckpointSignature> {
    TWINSEAL_ASSIGN_OR_RETURN(OwnKey::Signature signature,
                              key.SignDigest(crypto::Sha256(AsBytes(text)),
                                             std::chrono::steady_clock::now() + kCheckpointTime));
    return audit::CheckpointSignature{std::move(signature.key_id), signature.version,
                                      std::move(signature.signature)};
  };
}

}  // namespace twinseal::service
