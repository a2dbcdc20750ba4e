// What one worker brings to the key engine: its HSM session, and the public keys it has parsed.
#pragma once

#include "firmware/core/keys/public_key_cache.h"
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

 private:
  hsm::Session& session_;
  PublicKeyCache public_keys_;
};

}  // namespace twinseal::core
