// The one thing that this process has of the module: nothing, or what C_Initialize made.
#pragma once

#include <memory>

#include "agent/pkcs11/module.h"
#include "agent/pkcs11/outcome.h"

namespace twinseal::pkcs11 {

// Thread-safe. A child made by fork() has nothing and initializes for itself (v2.40 §2.5 of the
// usage guide); what its parent had is left alone there, connections included.
//
// CKR_CRYPTOKI_ALREADY_INITIALIZED; CKR_GENERAL_ERROR for a configuration that cannot be used.
Done InitializeLibrary();
// CKR_CRYPTOKI_NOT_INITIALIZED. Calls of other threads end with CKR_FUNCTION_CANCELED.
Done FinalizeLibrary();
// CKR_CRYPTOKI_NOT_INITIALIZED.
Outcome<std::shared_ptr<Module>> InitializedLibrary();

}  // namespace twinseal::pkcs11
