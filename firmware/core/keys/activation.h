// The parts of an activation of a vault key: out of its record, used, and back into a fresh one.
#pragma once

#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "firmware/core/keys/binding.h"
#include "firmware/core/keys/public_key_cache.h"
#include "firmware/core/vault/blob.h"
#include "hsm/wrapping/capabilities.h"

namespace twinseal::core {

// What is to be signed: a scheme that fits the key, a digest that fits the scheme.
struct SignTask {
  const crypto::SchemeInfo* scheme;
  BytesView digest;
};

// What an activation works with: one worker's session and the domain's objects as it sees them.
struct ActivationTools {
  hsm::Session& session;
  const DomainKeys& keys;
  const hsm::Capabilities& capabilities;
};

// Unwraps the key of `record`, whose binding was verified: a session object. data_loss when the HSM
// cannot unwrap what the record holds.
Result<hsm::ObjectHandle> UnwrapKey(const ActivationTools& tools, const Blob& record,
                                    const PublicKeyCache::Entry& public_key);

// The signatures of `tasks`, in their order.
Result<std::vector<Bytes>> MakeSignatures(hsm::Session& session, hsm::Object key,
                                          std::span<const SignTask> tasks);

// Wraps `key` under a KEK made for this alone: a vault blob with this header, not bound yet.
Result<Blob> WrapAfresh(const ActivationTools& tools, hsm::Object key, const KeyHeader& header);

// The key of a replica blob that this domain made: a session object. data_loss when the HSM cannot
// unwrap it.
Result<hsm::ObjectHandle> UnwrapReplica(const ActivationTools& tools, const Blob& replica,
                                        const PublicKeyCache::Entry& public_key);

// The key of a replica blob, whose binding was verified, wrapped under a fresh KEK for the vault.
Result<Blob> WrapForVault(const ActivationTools& tools, const Blob& replica,
                          const PublicKeyCache::Entry& public_key);

// The first signature, and every RSA one. data_loss when one is not right.
Status VerifySignatures(const crypto::PublicKey& public_key, std::span<const SignTask> tasks,
                        std::span<const Bytes> signatures);

}  // namespace twinseal::core
