// How OpenSSL signs and verifies under one of our schemes. For the files of this folder.
#pragma once

#include "common/crypto/algorithms.h"

typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;

namespace twinseal::crypto {

// Sets the hash and, for RSA, the padding (RFC 8017 §8.1 with a salt as long as the digest, or
// §8.2) of a context that is ready to sign or verify a digest. False with OpenSSL's error queued.
bool SetSignatureScheme(EVP_PKEY_CTX* context, const SchemeInfo& scheme);

}  // namespace twinseal::crypto
