#include "agent/pkcs11/signature_form.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"

namespace twinseal::pkcs11 {
namespace {

using crypto::OpensslPtr;
using EcdsaSignature = OpensslPtr<ECDSA_SIG, ECDSA_SIG_free>;
using BigNumber = OpensslPtr<BIGNUM, BN_free>;

bool IsEcdsa(v1::Algorithm algorithm) {
  return crypto::Find(algorithm)->family == crypto::Family::kEcdsa;
}

Error NotASignature() {
  return Error(Code::kInternal, "an appliance gave a signature that is none of the key's kind");
}

}  // namespace

std::size_t SignatureSize(v1::Algorithm algorithm) {
  constexpr std::size_t kBitsPerByte = 8;
  constexpr std::size_t kEd25519Signature = 64;  // RFC 8032 §5.1.6.
  const crypto::AlgorithmInfo& info = *crypto::Find(algorithm);
  if (info.family == crypto::Family::kEd25519) return kEd25519Signature;
  const std::size_t number =
      (static_cast<std::size_t>(info.bits) + kBitsPerByte - 1) / kBitsPerByte;
  return info.family == crypto::Family::kEcdsa ? 2 * number : number;
}

Result<Bytes> ToPkcs11(v1::Algorithm algorithm, Bytes signature) {
  const std::size_t size = SignatureSize(algorithm);
  if (!IsEcdsa(algorithm)) {
    if (signature.size() != size) return NotASignature();
    return signature;
  }
  const unsigned char* next = signature.data();
  const EcdsaSignature pair(d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(signature.size())));
  Bytes raw(size);
  const int half = static_cast<int>(size / 2);
  if (pair == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), raw.data(), half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), raw.data() + half, half) != half) {
    return NotASignature();
  }
  return raw;
}

Outcome<Bytes> FromPkcs11(v1::Algorithm algorithm, BytesView signature) {
  const std::size_t size = SignatureSize(algorithm);
  if (signature.size() != size) return Failure(CKR_SIGNATURE_LEN_RANGE);
  if (!IsEcdsa(algorithm)) return Bytes(signature.begin(), signature.end());
  const int half = static_cast<int>(size / 2);
  BigNumber r(BN_bin2bn(signature.data(), half, nullptr));
  BigNumber s(BN_bin2bn(signature.data() + half, half, nullptr));
  const EcdsaSignature pair(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || pair == nullptr ||
      ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
    return crypto::OpensslError(Code::kInternal, "taking a signature apart");
  }
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  if (length <= 0) return crypto::OpensslError(Code::kInternal, "encoding a signature");
  Bytes encoded(der, der + length);
  OPENSSL_free(der);
  return encoded;
}

}  // namespace twinseal::pkcs11
