// Logging in once, and never twice with a wrong PIN. Private to this folder.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "hsm/pkcs11/cryptoki.h"
#include "hsm/pkcs11/pin.h"

namespace twinseal::hsm {

// Not thread-safe: belongs to whoever sets the connection up.
class Login {
 public:
  explicit Login(PinSource& source) : source_(source) {}

  // Makes sure that the user is logged in: the login is the whole process's, so most often it is
  // already.
  Status Ensure(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_SESSION_HANDLE session);

 private:
  Status Try(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_SESSION_HANDLE session);

  PinSource& source_;
  // The PIN that the token refused, and what it said.
  std::optional<Secret> refused_;
  CK_RV refusal_ = CKR_OK;
};

}  // namespace twinseal::hsm
