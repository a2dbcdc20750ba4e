// Slots and tokens: which there are, and setting one up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/uri.h"

namespace twinseal::hsm {

struct TokenInfo {
  CK_SLOT_ID slot = 0;
  std::string label;  // The padding of Cryptoki's fixed-length fields is gone.
  std::string manufacturer;
  std::string model;
  std::string serial;
  CK_FLAGS flags = 0;  // CKF_TOKEN_INITIALIZED, CKF_USER_PIN_LOCKED ...

  bool initialized() const { return (flags & CKF_TOKEN_INITIALIZED) != 0; }
  bool user_pin_set() const { return (flags & CKF_USER_PIN_INITIALIZED) != 0; }
  bool user_pin_locked() const { return (flags & CKF_USER_PIN_LOCKED) != 0; }
};

// The tokens that are present, initialized or not. A slot whose token cannot be asked is left out.
Result<std::vector<TokenInfo>> ListTokens(const Module& module);

// The one initialized token that matches. unavailable (CKR_TOKEN_NOT_PRESENT) when there is none,
// naming those that there are; failed_precondition when several match.
Result<TokenInfo> FindToken(const Module& module, const TokenSelector& selector);

// The first token that is not initialized yet (SoftHSM always has one). not_found when there is
// none.
Result<TokenInfo> FindBlankToken(const Module& module);

// C_InitToken: makes the token blank under `label` (at most 32 bytes) with this SO PIN. Everything
// on it is destroyed; on a token that was initialized before, `so_pin` must be its SO PIN. Answers
// with the token as it is afterwards: its slot may be another after the module is initialized
// again. A module that labels its tokens itself (NSS softokn) takes no notice of the label.
Result<TokenInfo> InitializeToken(const Module& module, CK_SLOT_ID slot, const Secret& so_pin,
                                  std::string_view label);

// Logs in as the security officer, sets the user's PIN and logs out. An empty `so_pin` is allowed
// (NSS softokn).
Status InitializePin(const Module& module, CK_SLOT_ID slot, const Secret& so_pin,
                     const Secret& pin);

}  // namespace twinseal::hsm
