#include "tests/bench/pkcs11/token_load.h"

#include <array>
#include <functional>

namespace twinseal::bench {

using test::BytesOf;
using test::Check;

void TokenLoad::Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const Work& work) const {
  const CK_FUNCTION_LIST& functions = token_.functions();
  CK_MECHANISM mechanism{work.mechanism, nullptr, 0};
  std::array<CK_BYTE, 512> signature{};
  CK_ULONG size = signature.size();
  Check(functions.C_SignInit(session, &mechanism, key), "C_SignInit");
  Check(functions.C_Sign(session, BytesOf(work.data), work.data.size(), signature.data(), &size),
        "C_Sign");
}

Sample TokenLoad::Sign(unsigned threads, const Work& work, Milliseconds duration) const {
  return RunFor(threads, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = token_.Open();
    const CK_OBJECT_HANDLE key = token_.Find(session, CKO_PRIVATE_KEY, work.key);
    return [this, session, key, &work] {
      Sign(session, key, work);
      return 1U;
    };
  });
}

void TokenLoad::SignOnce(const Work& work) const {
  const CK_SESSION_HANDLE session = token_.Open();
  Sign(session, token_.Find(session, CKO_PRIVATE_KEY, work.key), work);
}

Sample TokenLoad::Find(const std::string& key, Milliseconds duration) const {
  return RunFor(1, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = token_.Open();
    return [this, session, &key] {
      token_.Find(session, CKO_PRIVATE_KEY, key);
      return 1U;
    };
  });
}

}  // namespace twinseal::bench
