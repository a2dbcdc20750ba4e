#include "common/crypto/signature_algorithm.h"

#include <string>

#include <openssl/rsa.h>

#include "common/crypto/digest.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"

namespace twinseal::crypto {
namespace {

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kBitString = 0x03;

using PssPtr = OpensslPtr<RSA_PSS_PARAMS, RSA_PSS_PARAMS_free>;
using AsnStringPtr = OpensslPtr<ASN1_STRING, ASN1_STRING_free>;

// X.690 §8.1.3, the shortest form.
void AppendHeader(Bytes& out, std::uint8_t tag, std::size_t size) {
  constexpr std::size_t kShortForm = 0x80;
  out.push_back(tag);
  if (size < kShortForm) {
    out.push_back(static_cast<std::uint8_t>(size));
    return;
  }
  Bytes digits;
  for (std::size_t left = size; left != 0; left >>= 8U)
    digits.push_back(static_cast<std::uint8_t>(left & 0xffU));
  out.push_back(static_cast<std::uint8_t>(kShortForm | digits.size()));
  out.insert(out.end(), digits.rbegin(), digits.rend());
}

void Append(Bytes& out, BytesView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

template <typename T>
AsnStringPtr Pack(T* value, int (*encode)(const T*, unsigned char**)) {
  unsigned char* encoded = nullptr;
  const int size = encode(value, &encoded);
  AsnStringPtr packed(ASN1_STRING_type_new(V_ASN1_SEQUENCE));
  if (size <= 0 || packed == nullptr) return nullptr;
  ASN1_STRING_set0(packed.get(), encoded, size);
  return packed;
}

// RFC 4055 §3.1: the hash, MGF1 with the same hash, and a salt as long as the hash.
AsnStringPtr PssParameters(const SchemeInfo& scheme, const EVP_MD* hash) {
  const PssPtr pss(RSA_PSS_PARAMS_new());
  const X509AlgorithmPtr inner(X509_ALGOR_new());
  if (pss == nullptr || inner == nullptr) return nullptr;
  pss->hashAlgorithm = X509_ALGOR_new();
  pss->maskGenAlgorithm = X509_ALGOR_new();
  pss->saltLength = ASN1_INTEGER_new();
  if (pss->hashAlgorithm == nullptr || pss->maskGenAlgorithm == nullptr ||
      pss->saltLength == nullptr ||
      ASN1_INTEGER_set(pss->saltLength, static_cast<long>(scheme.digest_size)) != 1) {
    return nullptr;
  }
  X509_ALGOR_set_md(pss->hashAlgorithm, hash);
  X509_ALGOR_set_md(inner.get(), hash);
  AsnStringPtr packed = Pack<X509_ALGOR>(inner.get(), i2d_X509_ALGOR);
  if (packed == nullptr || X509_ALGOR_set0(pss->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1),
                                           V_ASN1_SEQUENCE, packed.get()) != 1) {
    return nullptr;
  }
  static_cast<void>(packed.release());
  return Pack<RSA_PSS_PARAMS>(pss.get(), i2d_RSA_PSS_PARAMS);
}

Status FillAlgorithm(X509_ALGOR* algorithm, const SchemeInfo& scheme) {
  const Error failed(Code::kInternal, "encoding a signature algorithm");
  if (scheme.family == Family::kEd25519) {
    if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_ED25519), V_ASN1_UNDEF, nullptr) == 1)
      return Ok();
    return failed;
  }
  const EVP_MD* const hash = EVP_get_digestbyname(std::string(scheme.hash).c_str());
  if (hash == nullptr) return failed;
  if (scheme.padding == Padding::kPss) {
    AsnStringPtr parameters = PssParameters(scheme, hash);
    if (parameters == nullptr || X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss),
                                                 V_ASN1_SEQUENCE, parameters.get()) != 1) {
      return failed;
    }
    static_cast<void>(parameters.release());
    return Ok();
  }
  const bool ecdsa = scheme.family == Family::kEcdsa;
  int nid = NID_undef;
  if (OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(hash),
                             ecdsa ? NID_X9_62_id_ecPublicKey : NID_rsaEncryption) != 1) {
    return failed;
  }
  // RFC 5758 §3.2: ECDSA has no parameters; RFC 4055 §5: RSA has NULL.
  if (X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), ecdsa ? V_ASN1_UNDEF : V_ASN1_NULL, nullptr) !=
      1)
    return failed;
  return Ok();
}

}  // namespace

Result<Bytes> SignatureAlgorithm(const SchemeInfo& scheme) {
  const X509AlgorithmPtr algorithm(X509_ALGOR_new());
  if (algorithm == nullptr) return OpensslError(Code::kInternal, "encoding a signature algorithm");
  TWINSEAL_RETURN_IF_ERROR(FillAlgorithm(algorithm.get(), scheme));
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_ALGOR(algorithm.get(), &encoded);
  if (size <= 0) return OpensslError(Code::kInternal, "encoding a signature algorithm");
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

Status SetSignatureAlgorithm(X509* certificate, BytesView algorithm) {
  const unsigned char* next = algorithm.data();
  const X509AlgorithmPtr parsed(
      d2i_X509_ALGOR(nullptr, &next, static_cast<long>(algorithm.size())));
  // OpenSSL sets this field only when it signs itself, which it cannot do here.
  auto* const inside = const_cast<X509_ALGOR*>(X509_get0_tbs_sigalg(certificate));
  if (parsed == nullptr || X509_ALGOR_copy(inside, parsed.get()) != 1) {
    return OpensslError(Code::kInternal, "setting a signature algorithm");
  }
  return Ok();
}

Result<Bytes> SchemeInput(const SchemeInfo& scheme, BytesView message) {
  if (scheme.hash.empty()) return Bytes(message.begin(), message.end());
  TWINSEAL_ASSIGN_OR_RETURN(Hasher hasher, Hasher::Create(scheme.hash));
  hasher.Update(message);
  return hasher.Finish();
}

Bytes SignedSequence(BytesView to_be_signed, BytesView algorithm, BytesView signature) {
  Bytes bits;
  AppendHeader(bits, kBitString, signature.size() + 1);
  bits.push_back(0);  // No bits of the last byte are unused.
  Append(bits, signature);
  Bytes sequence;
  AppendHeader(sequence, kSequence, to_be_signed.size() + algorithm.size() + bits.size());
  Append(sequence, to_be_signed);
  Append(sequence, algorithm);
  Append(sequence, bits);
  return sequence;
}

}  // namespace twinseal::crypto
