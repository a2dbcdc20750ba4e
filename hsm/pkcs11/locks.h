// The locks that we lend to a module.
#pragma once

#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// Makes C_Initialize lend mutexes of ours (PKCS#11 v2.40 §5.4): where there is more than one
// processor, who finds one taken spins for some 20 us before going to sleep. A software token takes
// several locks in each call and holds them for microseconds; sleeping and being woken costs many
// times that.
void LendLocks(CK_C_INITIALIZE_ARGS& arguments);

}  // namespace twinseal::hsm
