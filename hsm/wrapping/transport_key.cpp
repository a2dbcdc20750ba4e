#include "hsm/wrapping/transport_key.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

constexpr std::array<std::uint8_t, 3> kPublicExponent = {0x01, 0x00, 0x01};  // 65537

// Tokens differ in what they call wrapped bytes that are not for them: SoftHSM has a general error.
constexpr std::array<std::string_view, 7> kBlamesTheBytes = {
    "CKR_ARGUMENTS_BAD",        "CKR_ATTRIBUTE_VALUE_INVALID", "CKR_DATA_INVALID",
    "CKR_DATA_LEN_RANGE",       "CKR_FUNCTION_FAILED",         "CKR_GENERAL_ERROR",
    "CKR_TEMPLATE_INCONSISTENT"};

Status CheckListed(Session& session, CK_MECHANISM_TYPE type) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto listed, session.Mechanisms());
  if (std::ranges::count(listed, type) > 0) return Ok();
  return Error(Code::kUnimplemented,
               fmt::format("this HSM cannot carry keys to or from another HSM: it lacks {}",
                           MechanismName(type)),
               "CKR_MECHANISM_INVALID");
}

void MayOnly(Template& key, CK_ATTRIBUTE_TYPE allowed, std::span<const CK_ATTRIBUTE_TYPE> uses) {
  for (const CK_ATTRIBUTE_TYPE use : uses) key.Bool(use, use == allowed);
}

constexpr std::array<CK_ATTRIBUTE_TYPE, 3> kPublicUses = {CKA_ENCRYPT, CKA_VERIFY, CKA_WRAP};
constexpr std::array<CK_ATTRIBUTE_TYPE, 3> kPrivateUses = {CKA_DECRYPT, CKA_SIGN, CKA_UNWRAP};

}  // namespace

Result<KeyPair> GenerateTransportPair(Session& session, std::string_view label, BytesView id) {
  TWINSEAL_RETURN_IF_ERROR(CheckListed(session, CKM_RSA_PKCS_OAEP));
  const KeyKindInfo& info = Info(kTransportKeyKind);
  Template public_key;
  public_key.Bool(CKA_TOKEN, true)
      .Bool(CKA_PRIVATE, false)
      .Ulong(CKA_MODULUS_BITS, info.bits)
      .Data(CKA_PUBLIC_EXPONENT, kPublicExponent)
      .Text(CKA_LABEL, label)
      .Data(CKA_ID, id);
  MayOnly(public_key, CKA_WRAP, kPublicUses);
  Template private_key;
  private_key.Bool(CKA_TOKEN, true)
      .Bool(CKA_PRIVATE, true)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_EXTRACTABLE, false)
      .Text(CKA_LABEL, label)
      .Data(CKA_ID, id);
  MayOnly(private_key, CKA_UNWRAP, kPrivateUses);
  return session.GenerateKeyPair(Mechanism(info.generation), public_key, private_key);
}

Result<ObjectHandle> ImportTransportKey(Session& session, BytesView modulus, BytesView exponent) {
  Template key;
  key.Ulong(CKA_CLASS, CKO_PUBLIC_KEY)
      .Ulong(CKA_KEY_TYPE, CKK_RSA)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_PRIVATE, false)
      .Data(CKA_MODULUS, modulus)
      .Data(CKA_PUBLIC_EXPONENT, exponent);
  MayOnly(key, CKA_WRAP, kPublicUses);
  return session.CreateObject(key);
}

Result<Bytes> WrapForTransport(Session& session, Object public_key, Object key) {
  TWINSEAL_RETURN_IF_ERROR(CheckListed(session, CKM_RSA_PKCS_OAEP));
  return session.Wrap(Mechanism::RsaOaepSha1(), public_key, key);
}

Result<ObjectHandle> UnwrapTransported(Session& session, Object private_key, BytesView wrapped,
                                       Template key) {
  auto unwrapped = session.Unwrap(Mechanism::RsaOaepSha1(), private_key, wrapped, key);
  if (unwrapped.ok()) return unwrapped;
  const Error& error = unwrapped.error();
  const bool bytes_are_wrong =
      error.code() == Code::kDataLoss || std::ranges::count(kBlamesTheBytes, error.origin()) > 0;
  if (!bytes_are_wrong) return unwrapped;
  return Error(Code::kDataLoss,
               fmt::format("the wrapped key is damaged, or was wrapped under another transport key "
                           "than this HSM's ({})",
                           error.origin()),
               error.origin());
}

}  // namespace twinseal::hsm
