#include "hsm/pkcs11/key_kinds.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

// CKA_EC_PARAMS: the curve's object identifier in DER (RFC 5480 §2.1.1.1, RFC 8410 §3).
constexpr std::array<std::uint8_t, 10> kP256 = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                                0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 7> kP384 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
constexpr std::array<std::uint8_t, 7> kP521 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
constexpr std::array<std::uint8_t, 5> kEd25519 = {0x06, 0x03, 0x2b, 0x65, 0x70};
// The other form that PKCS#11 v3.0 §2.3.5 allows for Edwards curves: PrintableString
// "edwards25519".
constexpr std::array<std::uint8_t, 14> kEd25519Name = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r',
                                                       'd',  's',  '2', '5', '5', '1', '9'};
// 65537
constexpr std::array<std::uint8_t, 3> kPublicExponent = {0x01, 0x00, 0x01};

constexpr CK_ULONG kAesKeyBytes = 32;
constexpr CK_ULONG kMacKeyBytes = 32;

constexpr std::array kKinds = {
    KeyKindInfo{KeyKind::kEcP256, "ec-p256", CKK_EC, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 256, kP256},
    KeyKindInfo{KeyKind::kEcP384, "ec-p384", CKK_EC, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 384, kP384},
    KeyKindInfo{KeyKind::kEcP521, "ec-p521", CKK_EC, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, 521, kP521},
    KeyKindInfo{
        KeyKind::kRsa2048, "rsa-2048", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, 2048, {}},
    KeyKindInfo{
        KeyKind::kRsa3072, "rsa-3072", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, 3072, {}},
    KeyKindInfo{
        KeyKind::kRsa4096, "rsa-4096", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, 4096, {}},
    KeyKindInfo{KeyKind::kEd25519, "ed25519", CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN,
                CKM_EDDSA, 255, kEd25519},
};

void Identify(Template& object, std::string_view label, BytesView id) {
  if (!label.empty()) object.Text(CKA_LABEL, label);
  if (!id.empty()) object.Data(CKA_ID, id);
}

// What every private key has, made or unwrapped.
void Protect(Template& key, const KeyKindInfo& info, bool token, bool extractable) {
  key.Ulong(CKA_CLASS, CKO_PRIVATE_KEY)
      .Ulong(CKA_KEY_TYPE, info.key_type)
      .Bool(CKA_TOKEN, token)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, extractable)
      .Bool(CKA_SIGN, true);
}

Template SecretKey(const SecretKeyOptions& options) {
  Template key;
  key.Bool(CKA_TOKEN, options.token)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, options.extractable);
  Identify(key, options.label, options.id);
  return key;
}

Template WrappingKey(const SecretKeyOptions& options) {
  Template key = SecretKey(options);
  // Tokens let AES keys decrypt unless they are told otherwise, and what one has wrapped, it can
  // decrypt into plaintext.
  key.Bool(CKA_WRAP, true).Bool(CKA_UNWRAP, true).Bool(CKA_ENCRYPT, false).Bool(CKA_DECRYPT, false);
  return key;
}

Template MacKey(const SecretKeyOptions& options) {
  Template key = SecretKey(options);
  key.Bool(CKA_SIGN, true).Bool(CKA_VERIFY, true);
  return key;
}

// What an unwrapped key has to be told besides.
Template Unwrapped(Template key, CK_KEY_TYPE type) {
  key.Ulong(CKA_CLASS, CKO_SECRET_KEY).Ulong(CKA_KEY_TYPE, type);
  return key;
}

Template PublicKey(const KeyKindInfo& info, const KeyPairOptions& options, BytesView parameters) {
  Template key;
  key.Bool(CKA_TOKEN, options.token).Bool(CKA_PRIVATE, false).Bool(CKA_VERIFY, true);
  if (info.key_type == CKK_RSA) {
    key.Ulong(CKA_MODULUS_BITS, info.bits).Data(CKA_PUBLIC_EXPONENT, kPublicExponent);
  } else {
    key.Data(CKA_EC_PARAMS, parameters);
  }
  Identify(key, options.label, options.id);
  return key;
}

// The point without the OCTET STRING that PKCS#11 v2.40 §2.3.3 puts around it. A raw uncompressed
// EC point begins with 04 as well, but then the next byte is not the number of bytes that follow.
Bytes BarePoint(Bytes value) {
  std::size_t header = 0;
  if (value.size() >= 2 && value[0] == 0x04) {
    if (value[1] < 0x80 && value[1] + std::size_t{2} == value.size()) header = 2;
    if (value[1] == 0x81 && value.size() >= 3 && value[2] + std::size_t{3} == value.size())
      header = 3;
  }
  value.erase(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(header));
  return value;
}

}  // namespace

std::span<const KeyKindInfo> KeyKinds() { return kKinds; }

const KeyKindInfo& Info(KeyKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

Result<KeyPair> GenerateSigningPair(Session& session, KeyKind kind, const KeyPairOptions& options) {
  const KeyKindInfo& info = Info(kind);
  Template private_key;
  Protect(private_key, info, options.token, options.extractable);
  Identify(private_key, options.label, options.id);
  const Mechanism mechanism(info.generation);
  auto pair =
      session.GenerateKeyPair(mechanism, PublicKey(info, options, info.parameters), private_key);
  if (!pair.ok() && kind == KeyKind::kEd25519 && session.ready() &&
      pair.error().origin() != "CKR_MECHANISM_INVALID") {
    return session.GenerateKeyPair(mechanism, PublicKey(info, options, kEd25519Name), private_key);
  }
  return pair;
}

Template UnwrappedSigningKey(KeyKind kind) {
  Template key;
  Protect(key, Info(kind), /*token=*/false, /*extractable=*/true);
  return key;
}

Result<PublicValue> ReadPublicValue(Session& session, KeyKind kind, Object public_key) {
  PublicValue value;
  if (Info(kind).key_type == CKK_RSA) {
    TWINSEAL_ASSIGN_OR_RETURN(value.modulus, session.GetAttribute(public_key, CKA_MODULUS));
    TWINSEAL_ASSIGN_OR_RETURN(value.exponent,
                              session.GetAttribute(public_key, CKA_PUBLIC_EXPONENT));
    return value;
  }
  TWINSEAL_ASSIGN_OR_RETURN(Bytes point, session.GetAttribute(public_key, CKA_EC_POINT));
  value.point = BarePoint(std::move(point));
  return value;
}

Result<ObjectHandle> GenerateWrappingKey(Session& session, const SecretKeyOptions& options) {
  Template key = WrappingKey(options);
  key.Ulong(CKA_VALUE_LEN, kAesKeyBytes);
  return session.GenerateKey(Mechanism(CKM_AES_KEY_GEN), key);
}

Template UnwrappedWrappingKey(const SecretKeyOptions& options) {
  return Unwrapped(WrappingKey(options), CKK_AES);
}

Result<ObjectHandle> GenerateMacKey(Session& session, const SecretKeyOptions& options) {
  Template key = MacKey(options);
  key.Ulong(CKA_VALUE_LEN, kMacKeyBytes);
  return session.GenerateKey(Mechanism(CKM_GENERIC_SECRET_KEY_GEN), key);
}

Template UnwrappedMacKey(const SecretKeyOptions& options) {
  return Unwrapped(MacKey(options), CKK_GENERIC_SECRET);
}

}  // namespace twinseal::hsm
