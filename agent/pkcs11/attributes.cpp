#include "agent/pkcs11/attributes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/pkcs11/public_parts.h"
#include "common/crypto/algorithms.h"

namespace twinseal::pkcs11 {
namespace {

constexpr std::array<CK_ATTRIBUTE_TYPE, 7> kSensitive = {
    CKA_VALUE,      CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
    CKA_EXPONENT_1, CKA_EXPONENT_2,       CKA_COEFFICIENT};

CK_KEY_TYPE KeyTypeOf(v1::Algorithm algorithm) {
  switch (crypto::Find(algorithm)->family) {
    case crypto::Family::kRsa:
      return CKK_RSA;
    case crypto::Family::kEcdsa:
      return CKK_EC;
    case crypto::Family::kEd25519:
      break;
  }
  return CKK_EC_EDWARDS;
}

CK_MECHANISM_TYPE GenerationOf(CK_KEY_TYPE type) {
  return type == CKK_RSA  ? CKM_RSA_PKCS_KEY_PAIR_GEN
         : type == CKK_EC ? CKM_EC_KEY_PAIR_GEN
                          : CKM_EC_EDWARDS_KEY_PAIR_GEN;
}

void AddPublicParts(const PublicParts& parts, bool is_private, Attributes& attributes) {
  if (parts.type == CKK_RSA) {
    attributes[CKA_MODULUS] = parts.modulus;
    attributes[CKA_PUBLIC_EXPONENT] = parts.public_exponent;
    constexpr std::size_t kBitsPerByte = 8;
    if (!is_private) attributes[CKA_MODULUS_BITS] = Number(parts.modulus.size() * kBitsPerByte);
    return;
  }
  attributes[CKA_EC_PARAMS] = parts.ec_params;
  // A private key has no such attribute by the standard; many applications ask for it there.
  attributes[CKA_EC_POINT] = parts.ec_point;
}

void AddUses(bool is_private, Attributes& attributes) {
  for (const CK_ATTRIBUTE_TYPE no : {CKA_DERIVE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE})
    attributes[no] = Truth(false);
  if (!is_private) {
    attributes[CKA_VERIFY] = Truth(true);
    for (const CK_ATTRIBUTE_TYPE no : {CKA_ENCRYPT, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED})
      attributes[no] = Truth(false);
    return;
  }
  attributes[CKA_DESTROYABLE] = Truth(true);
  for (const CK_ATTRIBUTE_TYPE yes :
       {CKA_SIGN, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE}) {
    attributes[yes] = Truth(true);
  }
  for (const CK_ATTRIBUTE_TYPE no : {CKA_DECRYPT, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_EXTRACTABLE,
                                     CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED}) {
    attributes[no] = Truth(false);
  }
}

}  // namespace

Bytes Number(CK_ULONG number) {
  Bytes bytes(sizeof number);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

Bytes Truth(bool truth) { return {static_cast<std::uint8_t>(truth ? CK_TRUE : CK_FALSE)}; }

Attributes ListedAttributesOf(const ObjectRef& object, const KeyFacts& key) {
  return {{CKA_CLASS, Number(object.is_private() ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY)},
          {CKA_TOKEN, Truth(true)},
          {CKA_LABEL, ToBytes(key.name)},
          {CKA_ID, CkaIdOf(object)},
          {CKA_KEY_TYPE, Number(KeyTypeOf(key.algorithm))}};
}

Attributes KnownAttributesOf(const ObjectRef& object, const KeyFacts& key, bool needs_login) {
  Attributes attributes = ListedAttributesOf(object, key);
  attributes[CKA_PRIVATE] = Truth(object.is_private() && needs_login);
  attributes[CKA_LOCAL] = Truth(true);
  AddUses(object.is_private(), attributes);
  return attributes;
}

Result<Attributes> AttributesOf(const ObjectRef& object, const KeyFacts& key, bool needs_login) {
  const Bytes& der = key.public_keys.at(object.version - 1);
  TWINSEAL_ASSIGN_OR_RETURN(const PublicParts parts, PublicPartsOf(der));
  Attributes attributes = KnownAttributesOf(object, key, needs_login);
  attributes[CKA_KEY_GEN_MECHANISM] = Number(GenerationOf(parts.type));
  attributes[CKA_PUBLIC_KEY_INFO] = der;
  attributes[CKA_UNIQUE_ID] =
      ToBytes(HexEncode(CkaIdOf(object)) + (object.is_private() ? "-private" : "-public"));
  for (const CK_ATTRIBUTE_TYPE empty : {CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE})
    attributes[empty] = {};
  AddPublicParts(parts, object.is_private(), attributes);
  return attributes;
}

Done Fill(const Attributes& attributes, std::span<CK_ATTRIBUTE> wanted) {
  CK_RV rv = CKR_OK;
  const bool is_private = attributes.contains(CKA_SENSITIVE);
  for (CK_ATTRIBUTE& entry : wanted) {
    const auto refuse = [&](CK_RV reason) {
      entry.ulValueLen = CK_UNAVAILABLE_INFORMATION;
      rv = reason;
    };
    const auto found = attributes.find(entry.type);
    if (is_private && std::ranges::find(kSensitive, entry.type) != kSensitive.end()) {
      refuse(CKR_ATTRIBUTE_SENSITIVE);
    } else if (found == attributes.end()) {
      refuse(CKR_ATTRIBUTE_TYPE_INVALID);
    } else if (entry.pValue == nullptr) {
      entry.ulValueLen = found->second.size();
    } else if (entry.ulValueLen < found->second.size()) {
      refuse(CKR_BUFFER_TOO_SMALL);
    } else {
      std::ranges::copy(found->second, static_cast<std::uint8_t*>(entry.pValue));
      entry.ulValueLen = found->second.size();
    }
  }
  return rv == CKR_OK ? Done() : Done(rv);
}

Outcome<Attributes> ReadTemplate(const CK_ATTRIBUTE* entries, CK_ULONG count) {
  if (entries == nullptr && count > 0) return Failure(CKR_ARGUMENTS_BAD);
  // Far more than there are attributes.
  constexpr CK_ULONG kMost = 1024;
  if (count > kMost) return Failure(CKR_ARGUMENTS_BAD);
  Attributes attributes;
  for (const CK_ATTRIBUTE& entry : std::span(entries, count)) {
    if (entry.pValue == nullptr && entry.ulValueLen > 0) return Failure(CKR_ARGUMENTS_BAD);
    // No attribute of a key is nearly as long.
    constexpr CK_ULONG kLongest = 65'536;
    if (entry.ulValueLen > kLongest) return Failure(CKR_ATTRIBUTE_VALUE_INVALID);
    const auto* const begin = static_cast<const std::uint8_t*>(entry.pValue);
    Bytes value(begin, begin + entry.ulValueLen);
    const auto [known, is_new] = attributes.try_emplace(entry.type, value);
    if (!is_new && known->second != value) return Failure(CKR_TEMPLATE_INCONSISTENT);
  }
  return attributes;
}

std::optional<CK_ULONG> NumberOf(const Attributes& attributes, CK_ATTRIBUTE_TYPE type) {
  const auto found = attributes.find(type);
  CK_ULONG number = 0;
  if (found == attributes.end() || found->second.size() != sizeof number) return std::nullopt;
  std::memcpy(&number, found->second.data(), sizeof number);
  return number;
}

std::optional<std::string> TextOf(const Attributes& attributes, CK_ATTRIBUTE_TYPE type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return std::nullopt;
  return ToString(found->second);
}

}  // namespace twinseal::pkcs11
