// OpenSSL's word on a signature in PKCS#11's form, by none of the project's code.
#pragma once

#include "common/base/bytes.h"

namespace twinseal::test {

enum class RsaPadding { kNone, kPkcs1, kPss };

// Over `message`, hashed with `hash` (null for Ed25519). `key` is a SubjectPublicKeyInfo.
bool OpensslVerifies(const Bytes& key, const char* hash, RsaPadding padding, BytesView message,
                     const Bytes& signature);
// ECDSA over a digest of any length.
bool OpensslVerifiesDigest(const Bytes& key, BytesView digest, const Bytes& signature);

}  // namespace twinseal::test
