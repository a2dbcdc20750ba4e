// Signatures as PKCS#11 has them, and as Twinseal has them: they differ for ECDSA, which is r and s
// of the curve's length one after the other there (v2.40 curr §2.3.1) and DER here.
#pragma once

#include "agent/pkcs11/outcome.h"
#include "common/base/bytes.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::pkcs11 {

// In PKCS#11's form, in bytes.
std::size_t SignatureSize(v1::Algorithm algorithm);

// internal when it is no signature of the algorithm.
Result<Bytes> ToPkcs11(v1::Algorithm algorithm, Bytes signature);
// CKR_SIGNATURE_LEN_RANGE when it has another size than the algorithm's signatures.
Outcome<Bytes> FromPkcs11(v1::Algorithm algorithm, BytesView signature);

}  // namespace twinseal::pkcs11
