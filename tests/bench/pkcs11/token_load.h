// A PKCS#11 module as an application uses it: loaded, logged in to, asked for keys and signatures.
#pragma once

#include <cstddef>
#include <string>

#include <p11-kit/pkcs11.h>

#include "tests/bench/parts/measure.h"

namespace twinseal::bench {

// Ends the program with the module's CK_RV when something fails. Thread-safe.
class TokenLoad {
 public:
  // Logs in to the token of that label.
  TokenLoad(const std::string& module, const std::string& token, const std::string& pin);
  ~TokenLoad();
  TokenLoad(const TokenLoad&) = delete;
  TokenLoad& operator=(const TokenLoad&) = delete;

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
  CK_SESSION_HANDLE Open() const;
  CK_OBJECT_HANDLE Key(CK_SESSION_HANDLE session, const std::string& label) const;
  void Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const Work& work) const;

  CK_FUNCTION_LIST* list_ = nullptr;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE login_ = 0;  // Kept open, so that the login lasts.
};

}  // namespace twinseal::bench
