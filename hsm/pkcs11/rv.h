// The one place where a CK_RV becomes an Error: its CKR name, our code, and what has to be set up
// again after it.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// What is lost when a call returns a CK_RV, from the least to the most.
enum class Loss : std::uint8_t {
  kNothing,  // The call failed; the session is as good as before.
  kSession,  // The session, perhaps the login with it: CKR_SESSION_HANDLE_INVALID,
             // CKR_USER_NOT_LOGGED_IN.
  kToken,   // The token or its device: CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR.
  kModule,  // The module's own state: CKR_CRYPTOKI_NOT_INITIALIZED.
};

// "CKR_DEVICE_ERROR"; "CKR_0x80000001" for what the table does not have.
std::string RvName(CK_RV rv);
// The number of a name as RvName gives it; used by tests' scripts. CKR_GENERAL_ERROR for an unknown
// name.
CK_RV RvFromName(std::string_view name);

Code RvCode(CK_RV rv);
Loss RvLoss(CK_RV rv);

// Not for CKR_OK. `doing` says what was asked ("C_Sign", "logging in to the token"); the message
// explains the CK_RV in plain words, the origin is its name.
Error RvError(CK_RV rv, std::string_view doing,
              std::source_location where = std::source_location::current());

}  // namespace twinseal::hsm
