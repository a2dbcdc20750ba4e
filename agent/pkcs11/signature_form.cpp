#include "agent/pkcs11/signature_form.h"

#include "common/crypto/algorithms.h"
#include "common/crypto/ecdsa_signature.h"

namespace twinseal::pkcs11 {
namespace {

bool IsEcdsa(v1::Algorithm algorithm) {
  return crypto::Find(algorithm)->family == crypto::Family::kEcdsa;
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
  if (IsEcdsa(algorithm)) return crypto::EcdsaRawOf(signature, size);
  if (signature.size() == size) return signature;
  return Error(Code::kInternal, "an appliance gave a signature that is none of the key's kind");
}

Outcome<Bytes> FromPkcs11(v1::Algorithm algorithm, BytesView signature) {
  const std::size_t size = SignatureSize(algorithm);
  if (signature.size() != size) return Failure(CKR_SIGNATURE_LEN_RANGE);
  if (!IsEcdsa(algorithm)) return Bytes(signature.begin(), signature.end());
  TWINSEAL_ASSIGN_OR_RETURN(Bytes der, crypto::EcdsaDerOf(signature));
  return der;
}

}  // namespace twinseal::pkcs11
