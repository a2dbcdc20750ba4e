// Putting certificates into the inventory and taking them out, for clients whose role lets them.
#pragma once

#include "agent/pkcs11/attributes.h"
#include "agent/pkcs11/token.h"

namespace twinseal::pkcs11 {

// An X.509 certificate, CKA_VALUE, for the key that CKA_ID names or, when that is no key's, as with
// applications that make ids up, CKA_LABEL; it gets the id and label of the key's version that it
// is for. CKR_FUNCTION_NOT_SUPPORTED for other objects, CKR_TEMPLATE_INCOMPLETE without the
// certificate or its key, CKR_TEMPLATE_INCONSISTENT for a session object, a private or trusted one,
// or another's subject, CKR_ATTRIBUTE_VALUE_INVALID for what is no certificate of the key,
// CKR_ACTION_PROHIBITED.
Outcome<CK_OBJECT_HANDLE> ImportCertificate(Token& token, const Attributes& wanted);

// CKR_ACTION_PROHIBITED for an issuer's, which there is as long as the certificate below it.
Done RemoveCertificate(Token& token, const ObjectRef& object);

}  // namespace twinseal::pkcs11
