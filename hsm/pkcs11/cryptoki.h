// The Cryptoki header, and the names of PKCS#11 v3.0 that the header of Debian 12's p11-kit does
// not have yet.
#pragma once

#include <p11-kit/pkcs11.h>

#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP (0x210bUL)
#endif

namespace twinseal::hsm {

// NSS softokn's attribute for the public value that belongs to a private key; vendor-defined, so
// other modules refuse or ignore it.
inline constexpr CK_ATTRIBUTE_TYPE kCkaNssDb = 0xd5a0db00UL;

}  // namespace twinseal::hsm
