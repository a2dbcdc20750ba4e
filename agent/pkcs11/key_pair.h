// Making and destroying keys, for clients whose role lets them.
#pragma once

#include "agent/pkcs11/attributes.h"
#include "agent/pkcs11/token.h"

namespace twinseal::pkcs11 {

struct KeyPairHandles {
  CK_OBJECT_HANDLE public_key;
  CK_OBJECT_HANDLE private_key;
};

// CKA_LABEL becomes the key's name; without one it gets a name that nobody else has. CKA_ID is the
// appliance's to give, so one in a template is not kept. CKR_TEMPLATE_INCOMPLETE without
// CKA_EC_PARAMS or CKA_MODULUS_BITS, CKR_TEMPLATE_INCONSISTENT for a key that may be revealed or
// used for anything but signatures, CKR_CURVE_NOT_SUPPORTED, CKR_KEY_SIZE_RANGE,
// CKR_ATTRIBUTE_VALUE_INVALID for a label that is no key's name, or that of another key.
Outcome<KeyPairHandles> MakeKeyPair(Token& token, const CK_MECHANISM& mechanism,
                                    const Attributes& for_public, const Attributes& for_private);

// Of a private key: the key with all its versions is destroyed after the appliance's waiting
// period, in which an operator can cancel that. CKR_ACTION_PROHIBITED for a public key, which there
// is as long as its private key.
Done DestroyKeyOf(Token& token, const ObjectRef& object);

}  // namespace twinseal::pkcs11
