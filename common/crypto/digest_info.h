// DigestInfo, which RSA PKCS#1 v1.5 pads in place of a digest (RFC 8017 §9.2).
#pragma once

#include "common/base/bytes.h"
#include "common/crypto/algorithms.h"

namespace twinseal::crypto {

// The DER of a DigestInfo up to the digest, for a scheme with Padding::kPkcs1 (note 1 of §9.2).
Bytes DigestInfoPrefix(const SchemeInfo& scheme);

// The whole of it.
Bytes DigestInfo(const SchemeInfo& scheme, BytesView digest);

}  // namespace twinseal::crypto
