#include "agent/pkcs11/border.h"

#include <fmt/format.h>
#include <openssl/err.h>

namespace twinseal::pkcs11 {

CK_RV Conclude(const Done& done) noexcept {
  if (done.ok()) return CKR_OK;
  const Failure& failure = done.error();
  if (failure.why.empty()) return failure.rv;
  try {
    auto module = InitializedLibrary();
    if (module.ok()) (*module)->log().Write(fmt::format("{:#04x}: {}", failure.rv, failure.why));
  } catch (...) {
    // The application is told all the same.
    return failure.rv;
  }
  return failure.rv;
}

OwnOpensslErrors::OwnOpensslErrors() noexcept { ERR_set_mark(); }
OwnOpensslErrors::~OwnOpensslErrors() { ERR_pop_to_mark(); }

}  // namespace twinseal::pkcs11
