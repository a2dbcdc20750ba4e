// What one worker brings to the key engine: its HSM session, the public keys it has parsed, and who
// verifies beside it.
#pragma once

#include "firmware/core/keys/public_key_cache.h"
#include "firmware/core/keys/verifier.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Made, used and destroyed on the worker's thread; where that thread has a ThreadCryptoContext, it
// dies before that does, because its keys belong to it. `session` outlives it.
class Workbench {
 public:
  explicit Workbench(hsm::Session& session) : session_(session) {}
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  hsm::Session& session() { return session_; }
  PublicKeyCache& public_keys() { return public_keys_; }
  Verifier& verifier() { return verifier_; }

 private:
  hsm::Session& session_;
  PublicKeyCache public_keys_;
  Verifier verifier_;
};

}  // namespace twinseal::core
