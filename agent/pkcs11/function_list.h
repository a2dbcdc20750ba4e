// The module's functions as tables, which is all that applications see of it.
#pragma once

#include "agent/pkcs11/cryptoki.h"

namespace twinseal::pkcs11 {

// v2.40 §5.4 C_GetFunctionList, v3.0 §5.4 C_GetInterfaceList and C_GetInterface. They need no
// C_Initialize.
CK_RV GetFunctionList(CK_FUNCTION_LIST** list) noexcept;
CK_RV GetInterfaceList(CK_INTERFACE* interfaces, CK_ULONG* count) noexcept;
CK_RV GetInterface(CK_UTF8CHAR* name, CK_VERSION* version, CK_INTERFACE** interface,
                   CK_FLAGS flags) noexcept;

}  // namespace twinseal::pkcs11
