// What the shared library exports: these three functions (module.map), through which all others are
// reached. Applications load several modules at once; names in common would be bound to the first.
#include "agent/pkcs11/function_list.h"

extern "C" {

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  return twinseal::pkcs11::GetFunctionList(list);
}

__attribute__((visibility("default"))) CK_RV C_GetInterfaceList(CK_INTERFACE* list,
                                                                CK_ULONG* count) {
  return twinseal::pkcs11::GetInterfaceList(list, count);
}

__attribute__((visibility("default"))) CK_RV C_GetInterface(CK_UTF8CHAR* name, CK_VERSION* version,
                                                            CK_INTERFACE** interface,
                                                            CK_FLAGS flags) {
  return twinseal::pkcs11::GetInterface(name, version, interface, flags);
}
}
