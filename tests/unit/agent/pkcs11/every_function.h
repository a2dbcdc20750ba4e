// Each function of the module, called with one session handle and otherwise harmless arguments.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/pkcs11/cryptoki.h"

namespace twinseal::pkcs11 {

struct NamedCall {
  std::string name;
  std::function<CK_RV(CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session)> call;
};

// What takes a session and is supported.
const std::vector<NamedCall>& SessionCalls();
// What takes no session and needs C_Initialize.
const std::vector<NamedCall>& GeneralCalls();
// What is not supported.
const std::vector<NamedCall>& MissingCalls();

}  // namespace twinseal::pkcs11
