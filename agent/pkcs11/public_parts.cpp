#include "agent/pkcs11/public_parts.h"

#include <array>
#include <memory>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "common/crypto/der.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"

namespace twinseal::pkcs11 {
namespace {

using crypto::KeyPtr;
using crypto::OpensslPtr;

Result<Bytes> Number(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
    return crypto::OpensslError(Code::kInternal, "reading an RSA public key");
  const OpensslPtr<BIGNUM, BN_free> owner(number);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  return bytes;
}

Result<Bytes> ObjectIdentifier(int nid) {
  const ASN1_OBJECT* const object = OBJ_nid2obj(nid);
  return crypto::DerOf(i2d_ASN1_OBJECT, object, "a curve's name");
}

Result<Bytes> OctetString(BytesView content) {
  const OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> text(ASN1_OCTET_STRING_new());
  const bool set = text != nullptr && ASN1_OCTET_STRING_set(text.get(), content.data(),
                                                            static_cast<int>(content.size())) == 1;
  const ASN1_OCTET_STRING* const whole = set ? text.get() : nullptr;
  return crypto::DerOf(i2d_ASN1_OCTET_STRING, whole, "a point");
}

Result<PublicParts> RsaParts(const EVP_PKEY* key) {
  PublicParts parts;
  parts.type = CKK_RSA;
  TWINSEAL_ASSIGN_OR_RETURN(parts.modulus, Number(key, OSSL_PKEY_PARAM_RSA_N));
  TWINSEAL_ASSIGN_OR_RETURN(parts.public_exponent, Number(key, OSSL_PKEY_PARAM_RSA_E));
  return parts;
}

Result<PublicParts> EcParts(const EVP_PKEY* key) {
  std::array<char, 64> curve{};
  // Not OSSL_PKEY_PARAM_PUB_KEY: in a process that has an ENGINE for EC keys, such as libp11's,
  // that gives the point in compressed form, whatever form the key came in.
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes point, crypto::DerOf(i2d_PublicKey, key, "a public key"));
  if (EVP_PKEY_get_group_name(key, curve.data(), curve.size(), nullptr) != 1)
    return crypto::OpensslError(Code::kInternal, "reading an EC public key");
  PublicParts parts;
  parts.type = CKK_EC;
  TWINSEAL_ASSIGN_OR_RETURN(parts.ec_params, ObjectIdentifier(OBJ_txt2nid(curve.data())));
  TWINSEAL_ASSIGN_OR_RETURN(parts.ec_point, OctetString(point));
  return parts;
}

Result<PublicParts> EdwardsParts(const EVP_PKEY* key) {
  std::array<unsigned char, 32> point{};
  std::size_t size = point.size();
  if (EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1)
    return crypto::OpensslError(Code::kInternal, "reading an Ed25519 public key");
  PublicParts parts;
  parts.type = CKK_EC_EDWARDS;
  TWINSEAL_ASSIGN_OR_RETURN(parts.ec_params, ObjectIdentifier(NID_ED25519));
  TWINSEAL_ASSIGN_OR_RETURN(parts.ec_point, OctetString(point));
  return parts;
}

}  // namespace

Result<PublicParts> PublicPartsOf(BytesView der) {
  const unsigned char* next = der.data();
  const KeyPtr key(d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())));
  if (key == nullptr) return crypto::OpensslError(Code::kInternal, "reading a public key");
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      return RsaParts(key.get());
    case EVP_PKEY_EC:
      return EcParts(key.get());
    case EVP_PKEY_ED25519:
      return EdwardsParts(key.get());
    default:
      return Error(Code::kInternal, "a public key is of no kind that Twinseal knows");
  }
}

}  // namespace twinseal::pkcs11
