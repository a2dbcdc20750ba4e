#include "common/crypto/ecdsa_signature.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include "common/crypto/openssl_ptr.h"

namespace twinseal::crypto {
namespace {

using EcdsaSignature = OpensslPtr<ECDSA_SIG, ECDSA_SIG_free>;
using BigNumber = OpensslPtr<BIGNUM, BN_free>;

}  // namespace

Result<Bytes> EcdsaDerOf(BytesView raw) {
  const Error failed(Code::kInternal, "the ECDSA signature cannot be brought into DER");
  if (raw.empty() || raw.size() % 2 != 0) return failed;
  const auto half = static_cast<int>(raw.size() / 2);
  BigNumber r(BN_bin2bn(raw.data(), half, nullptr));
  BigNumber s(BN_bin2bn(raw.data() + half, half, nullptr));
  const EcdsaSignature signature(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || signature == nullptr ||
      ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) {
    return failed;
  }
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  if (size <= 0) return failed;
  Bytes encoded(der, der + size);
  OPENSSL_free(der);
  return encoded;
}

Result<Bytes> EcdsaRawOf(BytesView der, std::size_t size) {
  const unsigned char* next = der.data();
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size())));
  Bytes raw(size);
  const int half = static_cast<int>(size / 2);
  if (signature == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + half, half) != half) {
    return Error(Code::kInternal, "an ECDSA signature is not what its key makes");
  }
  return raw;
}

}  // namespace twinseal::crypto
