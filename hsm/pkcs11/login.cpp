#include "hsm/pkcs11/login.h"

#include <fmt/format.h>

#include "hsm/pkcs11/rv.h"

namespace twinseal::hsm {
namespace {

bool RefusesPin(CK_RV rv) {
  return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
         rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED;
}

}  // namespace

Status Login::Ensure(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot,
                     CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info{};
  if (const CK_RV rv = functions.C_GetSessionInfo(session, &info); rv != CKR_OK) {
    return RvError(rv, "asking for the session's state");
  }
  if (info.state == CKS_RW_USER_FUNCTIONS) return Ok();
  return Try(functions, slot, session);
}

Status Login::Try(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_SESSION_HANDLE session) {
  constexpr std::string_view kDoing = "logging in to the token";
  CK_TOKEN_INFO token{};
  if (const CK_RV rv = functions.C_GetTokenInfo(slot, &token); rv != CKR_OK)
    return RvError(rv, kDoing);
  if ((token.flags & CKF_USER_PIN_LOCKED) != 0) return RvError(CKR_PIN_LOCKED, kDoing);

  TWINSEAL_ASSIGN_OR_RETURN(const Secret pin,
                            source_.Read((token.flags & CKF_USER_PIN_COUNT_LOW) != 0));
  if (refused_.has_value() && *refused_ == pin) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format(
            "the token refused this PIN ({}) and it is not tried again, because tokens lock; give "
            "another PIN",
            RvName(refusal_)),
        RvName(refusal_));
  }
  // Cryptoki takes the PIN without const and only reads it.
  auto* const text = const_cast<CK_UTF8CHAR*>(pin.Reveal(SecretAccess()).data());
  const CK_RV rv = functions.C_Login(session, CKU_USER, text, pin.size());
  if (rv == CKR_USER_ALREADY_LOGGED_IN) return Ok();
  if (rv == CKR_OK) {
    refused_.reset();
    source_.Accepted(pin);
    return Ok();
  }
  if (RefusesPin(rv)) {
    refused_ = Secret(pin.Reveal(SecretAccess()));
    refusal_ = rv;
    // A locked token says nothing about whether this PIN is the right one.
    if (rv != CKR_PIN_LOCKED) source_.Refused(pin);
  }
  return RvError(rv, kDoing);
}

}  // namespace twinseal::hsm
