// One activation of a vault key: out of its record, used, and back into a fresh one.
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

struct Activated {
  std::vector<Bytes> signatures;  // Of the tasks, in their order.
  Blob fresh;                     // The key under a KEK of its own, not bound yet.
};

// Unwraps the key of `record`, whose binding was verified, signs, and wraps it under a fresh KEK.
// No object is left when this returns. Nothing is verified yet. data_loss when the HSM cannot
// unwrap what the record holds.
Result<Activated> Activate(const ActivationTools& tools, const Blob& record,
                           const PublicKeyCache::Entry& public_key,
                           std::span<const SignTask> tasks);

// The key of a replica blob, whose binding was verified, wrapped under a fresh KEK for the vault.
Result<Blob> WrapForVault(const ActivationTools& tools, const Blob& replica,
                          const PublicKeyCache::Entry& public_key);

// The first signature, and every RSA one: a faulty CRT signature would give the key away (Boneh,
// DeMillo, Lipton 1997). data_loss when one is not right.
Status VerifySignatures(const crypto::PublicKey& public_key, std::span<const SignTask> tasks,
                        std::span<const Bytes> signatures);

}  // namespace twinseal::core
