// The work of an application upon a token: signing over and over, looking for keys.
#pragma once

#include <string>

#include <p11-kit/pkcs11.h>

#include "tests/bench/parts/measure.h"
#include "tests/support/loaded_token/loaded_token.h"

namespace twinseal::bench {

// Throws as LoadedToken does. Thread-safe.
class TokenLoad {
 public:
  // Logs in to the token of that label.
  TokenLoad(const std::string& module, const std::string& token, const std::string& pin)
      : token_(module, token, pin) {}

  struct Work {
    std::string key;  // Its label.
    CK_MECHANISM_TYPE mechanism;
    std::string data;
  };
  // A session for each thread, signing over and over.
  Sample Sign(unsigned threads, const Work& work, Milliseconds duration) const;
  // One signature.
  void SignOnce(const Work& work) const;
  // One key of many, looked for by its label.
  Sample Find(const std::string& key, Milliseconds duration) const;

 private:
  void Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const Work& work) const;

  test::LoadedToken token_;
};

}  // namespace twinseal::bench
