// Threads that sign through a PKCS#11 module, each in a session of its own, and check what they
// get.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <p11-kit/pkcs11.h>

#include "common/crypto/public_key.h"
#include "tests/support/loaded_token/loaded_token.h"

namespace twinseal::chaos {

struct Target {
  std::string module;
  std::string token;
  std::string key;
  std::string pin;
};

struct Result {
  std::uint64_t made = 0;
  std::uint64_t failed = 0;  // C_SignInit or C_Sign answered an error.
  std::uint64_t wrong = 0;   // A signature that is not the key's over the digest.
  double longest_seconds = 0;
  std::string first_failure;

  std::string Json() const;
};

class Signers {
 public:
  // Throws std::runtime_error when the module, the token or the key cannot be used at the start.
  Signers(const Target& target, unsigned threads);

  // Ends the threads, and the module.
  Result Finish();

 private:
  crypto::PublicKey ReadPublicKey(CK_SESSION_HANDLE session, const std::string& label) const;
  void SignOverAndOver(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, Result& result) const;
  CK_RV Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, Bytes& digest,
             Bytes& signature) const;

  std::optional<test::LoadedToken> token_;
  std::optional<crypto::PublicKey> public_key_;
  std::atomic<bool> stop_{false};
  std::vector<Result> results_;
  std::vector<std::thread> threads_;
};

}  // namespace twinseal::chaos
