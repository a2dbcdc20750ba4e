// The attributes of an object (PKCS#11 v2.40 §4), and how they are asked for.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "agent/pkcs11/contract.h"
#include "agent/pkcs11/cryptoki.h"
#include "agent/pkcs11/objects.h"
#include "agent/pkcs11/outcome.h"

namespace twinseal::pkcs11 {

using Attributes = std::map<CK_ATTRIBUTE_TYPE, Bytes>;

// All that the object has. `needs_login` is what CKA_PRIVATE of a private key says. internal when
// the key's public key cannot be read; `key` must have the object's version.
Result<Attributes> AttributesOf(const ObjectRef& object, const KeyFacts& key, bool needs_login);

// Those that a listing tells already: class, label, id, kind of key.
Attributes ListedAttributesOf(const ObjectRef& object, const KeyFacts& key);
// With those that are the same for all keys: what such a half may be used for.
Attributes KnownAttributesOf(const ObjectRef& object, const KeyFacts& key, bool needs_login);

// Fills in a template as C_GetAttributeValue does (§5.7): lengths where there is no buffer,
// CK_UNAVAILABLE_INFORMATION with CKR_ATTRIBUTE_SENSITIVE for what a private key does not reveal,
// with CKR_ATTRIBUTE_TYPE_INVALID for what there is not, with CKR_BUFFER_TOO_SMALL for what does
// not fit; all other entries are filled in regardless.
Done Fill(const Attributes& attributes, std::span<CK_ATTRIBUTE> wanted);

// What a caller's template says. CKR_ARGUMENTS_BAD for a missing pointer,
// CKR_TEMPLATE_INCONSISTENT for an attribute that comes twice with different values.
Outcome<Attributes> ReadTemplate(const CK_ATTRIBUTE* entries, CK_ULONG count);

// Values as attributes have them.
Bytes Number(CK_ULONG number);
Bytes Truth(bool truth);
// And back; nothing when there is none, or it has another size.
std::optional<CK_ULONG> NumberOf(const Attributes& attributes, CK_ATTRIBUTE_TYPE type);
std::optional<std::string> TextOf(const Attributes& attributes, CK_ATTRIBUTE_TYPE type);

}  // namespace twinseal::pkcs11
