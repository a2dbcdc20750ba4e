// The kinds of keys that the layer makes, with what PKCS#11 wants to know of each.
#pragma once

#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::hsm {

enum class KeyKind : std::uint8_t {
  kEcP256,
  kEcP384,
  kEcP521,
  kRsa2048,
  kRsa3072,
  kRsa4096,
  kEd25519
};
inline constexpr std::size_t kKeyKinds = 7;

struct KeyKindInfo {
  KeyKind kind;
  std::string_view name;  // "ec-p256"
  CK_KEY_TYPE key_type;
  CK_MECHANISM_TYPE generation;
  CK_MECHANISM_TYPE signature;  // The bare one: CKM_ECDSA, CKM_RSA_PKCS, CKM_EDDSA.
  CK_ULONG bits;                // As CK_MECHANISM_INFO counts key sizes.
  BytesView parameters;         // CKA_EC_PARAMS in DER; empty for RSA.
};

std::span<const KeyKindInfo> KeyKinds();
const KeyKindInfo& Info(KeyKind kind);

// What a new key pair is to be. `label` and `id` are borrowed; empty ones are left out.
struct KeyPairOptions {
  bool token = false;        // A token object rather than a session object.
  bool extractable = false;  // By wrapping only: CKA_SENSITIVE is always set.
  std::string_view label = {};
  BytesView id = {};
};

// A pair for signatures and nothing else. RSA's public exponent is 65537.
Result<KeyPair> GenerateSigningPair(Session& session, KeyKind kind, const KeyPairOptions& options);

// The template under which a wrapped private key of this kind comes back as a session object:
// sensitive, extractable (it is wrapped again after use), for signatures and nothing else.
Template UnwrappedSigningKey(KeyKind kind);

// The public value of a key object: an EC or Edwards point without the OCTET STRING around it (some
// tokens leave it out, both forms are read), or modulus and exponent of an RSA key as big-endian
// unsigned integers.
struct PublicValue {
  Bytes point;
  Bytes modulus;
  Bytes exponent;
};
Result<PublicValue> ReadPublicValue(Session& session, KeyKind kind, Object public_key);

// AES-256 for wrapping and unwrapping keys, with the mechanisms of hsm/wrapping. Session object or
// token object; sensitive; extractable (by wrapping) only when asked.
struct SecretKeyOptions {
  bool token = false;
  bool extractable = false;
  std::string_view label = {};
  BytesView id = {};
};
Result<ObjectHandle> GenerateWrappingKey(Session& session, const SecretKeyOptions& options);
// The template under which a wrapped wrapping key comes back with the attributes that
// GenerateWrappingKey gives; by default a session object that is not extractable.
Template UnwrappedWrappingKey(const SecretKeyOptions& options = {});

// 32 random bytes as CKK_GENERIC_SECRET for CKM_SHA256_HMAC, signing and verifying.
Result<ObjectHandle> GenerateMacKey(Session& session, const SecretKeyOptions& options);
// The template under which a wrapped one comes back with the same attributes.
Template UnwrappedMacKey(const SecretKeyOptions& options);

}  // namespace twinseal::hsm
