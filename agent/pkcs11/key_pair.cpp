#include "agent/pkcs11/key_pair.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "agent/pkcs11/mechanisms.h"
#include "common/base/types.h"
#include "common/crypto/algorithms.h"

namespace twinseal::pkcs11 {
namespace {

using crypto::Family;

// CKA_EC_PARAMS of the curves: their OIDs in DER (RFC 5480 §2.1.1.1, RFC 8410 §3), and for Ed25519
// the PrintableString that PKCS#11 v3.0 curr §2.3.10 has as well.
struct Curve {
  v1::Algorithm algorithm;
  std::string_view parameters;
};
constexpr std::array kCurves = {Curve{v1::EC_P256, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"},
                                Curve{v1::EC_P384, {"\x06\x05\x2b\x81\x04\x00\x22", 7}},
                                Curve{v1::EC_P521, {"\x06\x05\x2b\x81\x04\x00\x23", 7}},
                                Curve{v1::ED25519, "\x06\x03\x2b\x65\x70"},
                                Curve{v1::ED25519,
                                      "\x13\x0c"
                                      "edwards25519"}};

Outcome<v1::Algorithm> OnCurve(Family family, const Attributes& wanted) {
  const auto parameters = TextOf(wanted, CKA_EC_PARAMS);
  if (!parameters) return Failure(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_EC_PARAMS");
  const auto curve = std::ranges::find_if(kCurves, [&](const Curve& one) {
    return one.parameters == *parameters && crypto::Find(one.algorithm)->family == family;
  });
  if (curve == kCurves.end()) {
    return Failure(CKR_CURVE_NOT_SUPPORTED,
                   "there are the curves P-256, P-384, P-521 and edwards25519, by their OIDs");
  }
  return curve->algorithm;
}

Outcome<v1::Algorithm> OfModulus(const Attributes& wanted) {
  const auto bits = NumberOf(wanted, CKA_MODULUS_BITS);
  if (!bits) return Failure(CKR_TEMPLATE_INCOMPLETE, "the template lacks CKA_MODULUS_BITS");
  if (const auto exponent = wanted.find(CKA_PUBLIC_EXPONENT);
      exponent != wanted.end() && exponent->second != Bytes{1, 0, 1}) {
    return Failure(CKR_ATTRIBUTE_VALUE_INVALID, "the public exponent of a key is 65537");
  }
  for (const crypto::AlgorithmInfo& algorithm : crypto::Algorithms()) {
    if (algorithm.family == Family::kRsa && static_cast<CK_ULONG>(algorithm.bits) == *bits)
      return algorithm.id;
  }
  return Failure(CKR_KEY_SIZE_RANGE, "RSA keys have 2048, 3072 or 4096 bits");
}

Outcome<v1::Algorithm> AlgorithmOf(const CK_MECHANISM& mechanism, const Attributes& wanted) {
  const Mechanism* const known = FindMechanism(mechanism.mechanism);
  if (known == nullptr || known->use != Mechanism::Use::kKeyPair)
    return Failure(CKR_MECHANISM_INVALID);
  if (mechanism.ulParameterLen != 0) return Failure(CKR_MECHANISM_PARAM_INVALID);
  return known->family == Family::kRsa ? OfModulus(wanted) : OnCurve(known->family, wanted);
}

bool Says(const Attributes& wanted, CK_ATTRIBUTE_TYPE type, CK_BBOOL value) {
  const auto found = wanted.find(type);
  return found != wanted.end() && found->second == Bytes{value};
}

// A key of the vault signs and does nothing else.
Done CheckUses(const Attributes& for_private) {
  const auto refuse = [](std::string why) {
    return Failure(CKR_TEMPLATE_INCONSISTENT, std::move(why));
  };
  if (Says(for_private, CKA_EXTRACTABLE, CK_TRUE) || Says(for_private, CKA_SENSITIVE, CK_FALSE))
    return refuse("a private key never leaves the HSM: CKA_EXTRACTABLE and CKA_SENSITIVE");
  if (Says(for_private, CKA_TOKEN, CK_FALSE))
    return refuse("keys are kept: CKA_TOKEN of a private key is true");
  if (Says(for_private, CKA_SIGN, CK_FALSE)) return refuse("a key that does not sign is of no use");
  return {};
}

Outcome<std::string> NameOf(const Attributes& for_public, const Attributes& for_private) {
  auto label = TextOf(for_private, CKA_LABEL);
  if (!label || label->empty()) label = TextOf(for_public, CKA_LABEL);
  if (!label || label->empty()) return "pkcs11-" + KeyId::Random().Hex();
  const Result<KeyName> name = KeyName::Parse(*label);
  if (!name.ok()) return Failure(CKR_ATTRIBUTE_VALUE_INVALID, name.error().message());
  return name->text();
}

}  // namespace

Outcome<KeyPairHandles> MakeKeyPair(Token& token, const CK_MECHANISM& mechanism,
                                    const Attributes& for_public, const Attributes& for_private) {
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Algorithm algorithm, AlgorithmOf(mechanism, for_public));
  TWINSEAL_RETURN_IF_ERROR(CheckUses(for_private));
  TWINSEAL_ASSIGN_OR_RETURN(const std::string name, NameOf(for_public, for_private));
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token.Connect());
  Result<KeyFacts> made = connection->contract().CreateKey(name, algorithm);
  if (!made.ok()) {
    const Failure failure = FailureOf(made.error());
    const bool refused = failure.rv == CKR_KEY_FUNCTION_NOT_PERMITTED;
    return Failure(refused ? CKR_ACTION_PROHIBITED : failure.rv,
                   fmt::format("making the key '{}': {}", name, failure.why));
  }
  const auto facts = token.Keep(*std::move(made));
  return KeyPairHandles{
      token.handles().Of({facts->id, facts->current_version, ObjectKind::kPublicKey}),
      token.handles().Of({facts->id, facts->current_version, ObjectKind::kPrivateKey})};
}

Done DestroyKeyOf(Token& token, const ObjectRef& object) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token.Connect());
  if (!object.is_private()) return Failure(CKR_ACTION_PROHIBITED);
  const Status destroyed = connection->contract().DestroyKey(object.key);
  return destroyed.ok() ? Done() : FailureOfDestroying(destroyed.error());
}

}  // namespace twinseal::pkcs11
