#include "firmware/core/pairing/transport_key.h"

#include <memory>

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/crypto/public_key.h"
#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_objects.h"
#include "firmware/core/pairing/domain_objects.h"
#include "firmware/core/setup/appliance_keys.h"
#include "hsm/wrapping/transport_key.h"

namespace twinseal::core {
namespace {

constexpr v1::Algorithm kAlgorithm = v1::RSA_3072;
constexpr BN_ULONG kPublicExponent = 65537;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};
using BigNumber = std::unique_ptr<BIGNUM, FreeNumber>;

BigNumber ReadNumber(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return nullptr;
  return BigNumber(number);
}

Bytes BigEndian(const BIGNUM& number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(&number)));
  BN_bn2bin(&number, bytes.data());
  return bytes;
}

Status CheckHasNoDomain(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const DomainThere there, FindDomain(session));
  if (there == DomainThere::kNone) return Ok();
  return Error(Code::kFailedPrecondition,
               there == DomainThere::kWhole
                   ? "the appliance has a domain already, and can join no other while it has"
                   : "the token has one of a domain's two keys: taking or dropping the domain was "
                     "interrupted; finish that first");
}

}  // namespace

Result<Bytes> MakeTransportKey(hsm::Session& session) {
  TWINSEAL_RETURN_IF_ERROR(CheckSiteKeys(session));
  TWINSEAL_RETURN_IF_ERROR(CheckHasNoDomain(session));
  TWINSEAL_RETURN_IF_ERROR(DestroyTransportKey(session));
  TWINSEAL_ASSIGN_OR_RETURN(
      hsm::KeyPair pair,
      hsm::GenerateTransportPair(session, kTransportLabel, AsBytes(kTransportLabel)));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey public_key,
                            ReadPublicKey(session, kAlgorithm, pair.public_key.get()));
  pair.public_key.Release();
  pair.private_key.Release();
  session.ForgetTokenObjects();
  return public_key.der();
}

Result<hsm::Object> FindTransportKey(hsm::Session& session) {
  auto found = session.FindTokenObject(CKO_PRIVATE_KEY, kTransportLabel);
  if (found.ok() || found.error().code() != Code::kNotFound) return found;
  return Error(Code::kFailedPrecondition,
               "the token has no transport key, so no ceremony is under way here; begin the "
               "pairing anew");
}

Status DestroyTransportKey(hsm::Session& session) {
  TWINSEAL_RETURN_IF_ERROR(DestroyAll(session, CKO_PRIVATE_KEY, kTransportLabel));
  return DestroyAll(session, CKO_PUBLIC_KEY, kTransportLabel);
}

Result<hsm::ObjectHandle> ImportTransportKey(hsm::Session& session, BytesView public_key_der) {
  const Error refused(Code::kInvalidArgument,
                      "wrap_domain.transport_public_key_der: it is not an appliance's transport "
                      "key, which is RSA with 3072 bits and the exponent 65537");
  const auto checked = crypto::PublicKey::FromDer(public_key_der);
  if (!checked.ok() || checked->algorithm() != kAlgorithm) return refused;
  const Bytes& der = checked->der();
  const unsigned char* next = der.data();
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())));
  if (key == nullptr) return refused;
  const BigNumber modulus = ReadNumber(key.get(), OSSL_PKEY_PARAM_RSA_N);
  const BigNumber exponent = ReadNumber(key.get(), OSSL_PKEY_PARAM_RSA_E);
  if (modulus == nullptr || exponent == nullptr ||
      BN_is_word(exponent.get(), kPublicExponent) != 1) {
    return refused;
  }
  return hsm::ImportTransportKey(session, BigEndian(*modulus), BigEndian(*exponent));
}

}  // namespace twinseal::core
