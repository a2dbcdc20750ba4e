// The two forms of an ECDSA signature: r and s one after the other, each as long as the curve's
// order (PKCS #11 v3.0 §2.3.1, IEEE P1363), and DER (RFC 3279 §2.2.3).
#pragma once

#include <cstddef>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::crypto {

// internal when it is not two numbers of the same length.
Result<Bytes> EcdsaDerOf(BytesView raw);
// `size` bytes; internal when it is not a signature in DER, or longer.
Result<Bytes> EcdsaRawOf(BytesView der, std::size_t size);

}  // namespace twinseal::crypto
