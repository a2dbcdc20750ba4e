// What OpenSSL's i2d functions encode, as bytes.
#pragma once

#include <string>
#include <string_view>

#include <openssl/crypto.h>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/openssl_error.h"

namespace twinseal::crypto {

// `what` is for the error: internal, "encoding a name".
template <typename T>
Result<Bytes> DerOf(int (*encode)(const T*, unsigned char**), const T* value,
                    std::string_view what) {
  unsigned char* der = nullptr;
  const int size = value == nullptr ? -1 : encode(value, &der);
  if (size <= 0) return OpensslError(Code::kInternal, "encoding " + std::string(what));
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace twinseal::crypto
