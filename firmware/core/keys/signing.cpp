#include "firmware/core/keys/signing.h"

#include "common/crypto/digest_info.h"
#include "common/crypto/ecdsa_signature.h"

namespace twinseal::core {
namespace {

CK_MECHANISM_TYPE HashOf(std::size_t digest_size) {
  return digest_size == 32 ? CKM_SHA256 : digest_size == 48 ? CKM_SHA384 : CKM_SHA512;
}

}  // namespace

hsm::KeyKind KindOf(v1::Algorithm algorithm) {
  switch (algorithm) {
    case v1::EC_P384:
      return hsm::KeyKind::kEcP384;
    case v1::EC_P521:
      return hsm::KeyKind::kEcP521;
    case v1::RSA_2048:
      return hsm::KeyKind::kRsa2048;
    case v1::RSA_3072:
      return hsm::KeyKind::kRsa3072;
    case v1::RSA_4096:
      return hsm::KeyKind::kRsa4096;
    case v1::ED25519:
      return hsm::KeyKind::kEd25519;
    default:
      return hsm::KeyKind::kEcP256;
  }
}

Result<Bytes> SignDigest(hsm::Session& session, const crypto::SchemeInfo& scheme, hsm::Object key,
                         BytesView digest) {
  switch (scheme.family) {
    case crypto::Family::kEcdsa: {
      TWINSEAL_ASSIGN_OR_RETURN(const Bytes raw,
                                session.Sign(hsm::Mechanism(CKM_ECDSA), key, digest));
      return crypto::EcdsaDerOf(raw);
    }
    case crypto::Family::kEd25519:
      return session.Sign(hsm::Mechanism(CKM_EDDSA), key, digest);
    case crypto::Family::kRsa:
      break;
  }
  if (scheme.padding == crypto::Padding::kPss) {
    return session.Sign(hsm::Mechanism::RsaPss(HashOf(digest.size())), key, digest);
  }
  return session.Sign(hsm::Mechanism(CKM_RSA_PKCS), key, crypto::DigestInfo(scheme, digest));
}

Result<crypto::PublicKey> ReadPublicKey(hsm::Session& session, v1::Algorithm algorithm,
                                        hsm::Object public_key) {
  const hsm::KeyKind kind = KindOf(algorithm);
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::PublicValue value,
                            hsm::ReadPublicValue(session, kind, public_key));
  if (crypto::Find(algorithm)->family == crypto::Family::kRsa) {
    return crypto::PublicKey::FromRsa(value.modulus, value.exponent);
  }
  return crypto::PublicKey::FromRaw({algorithm, value.point});
}

}  // namespace twinseal::core
