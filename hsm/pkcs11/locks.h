// The locks that we lend to a module.
#pragma once

#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// Makes C_Initialize lend mutexes of ours (PKCS#11 v2.40 §5.4): they spin for a moment before they
// sleep. A software token holds its locks for a microsecond and takes them at each call, so that
// sleeping costs its callers many times what they wait for.
void LendLocks(CK_C_INITIALIZE_ARGS& arguments);

}  // namespace twinseal::hsm
