// A public key as PKCS#11's attributes have it.
#pragma once

#include "agent/pkcs11/cryptoki.h"
#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::pkcs11 {

struct PublicParts {
  CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
  // RSA: big-endian, without leading zeros.
  Bytes modulus;
  Bytes public_exponent;
  // EC and Edwards curves: CKA_EC_PARAMS is the curve's OID in DER (RFC 3279 §2.3.5; for Ed25519
  // the OID of RFC 8410 §3), CKA_EC_POINT the point in an OCTET STRING (PKCS#11 v2.40 curr §2.3.3).
  Bytes ec_params;
  Bytes ec_point;
};

// `der` is a SubjectPublicKeyInfo. internal when it is none of an algorithm of Twinseal.
Result<PublicParts> PublicPartsOf(BytesView der);

}  // namespace twinseal::pkcs11
