#include "tests/support/pkcs11/application.h"

#include <array>
#include <cstring>

namespace twinseal::test {
namespace {

// C has no word for what is only read.
CK_BYTE* Pointer(BytesView data) { return const_cast<CK_BYTE*>(data.data()); }

}  // namespace

Template& Template::Data(CK_ATTRIBUTE_TYPE type, const Bytes& value) {
  Bytes& kept = values_.emplace_back(value);
  entries_.push_back({type, kept.data(), kept.size()});
  return *this;
}

Template& Template::Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  Bytes bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return Data(type, bytes);
}

Template& Template::Yes(CK_ATTRIBUTE_TYPE type) { return Data(type, {CK_TRUE}); }
Template& Template::No(CK_ATTRIBUTE_TYPE type) { return Data(type, {CK_FALSE}); }

Template& Template::Text(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  return Data(type, ToBytes(value));
}

CK_SESSION_HANDLE Application::OpenSession(CK_FLAGS more, CK_SLOT_ID slot) const {
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  const CK_RV rv =
      module_.C_OpenSession(slot, CKF_SERIAL_SESSION | more, nullptr, nullptr, &session);
  return rv == CKR_OK ? session : CK_INVALID_HANDLE;
}

CK_RV Application::Login(CK_SESSION_HANDLE session, std::string_view pin) const {
  return module_.C_Login(session, CKU_USER, Pointer(AsBytes(pin)), pin.size());
}

std::vector<CK_OBJECT_HANDLE> Application::FindAll(CK_SESSION_HANDLE session,
                                                   Template& wanted) const {
  std::vector<CK_OBJECT_HANDLE> all;
  if (module_.C_FindObjectsInit(session, wanted.data(), wanted.size()) != CKR_OK) return all;
  std::array<CK_OBJECT_HANDLE, 64> some{};
  CK_ULONG count = 0;
  CK_RV rv = CKR_OK;
  do {
    rv = module_.C_FindObjects(session, some.data(), some.size(), &count);
    if (rv == CKR_OK) all.insert(all.end(), some.data(), some.data() + count);
  } while (rv == CKR_OK && count > 0);
  if (module_.C_FindObjectsFinal(session) != CKR_OK || rv != CKR_OK) all.clear();
  return all;
}

CK_OBJECT_HANDLE Application::FindKey(CK_SESSION_HANDLE session, CK_OBJECT_CLASS kind,
                                      std::string_view label) const {
  Template wanted;
  wanted.Number(CKA_CLASS, kind).Text(CKA_LABEL, label);
  const std::vector<CK_OBJECT_HANDLE> found = FindAll(session, wanted);
  return found.size() == 1 ? found.front() : CK_INVALID_HANDLE;
}

Bytes Application::Attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                             CK_ATTRIBUTE_TYPE type) const {
  CK_ATTRIBUTE wanted{type, nullptr, 0};
  if (module_.C_GetAttributeValue(session, object, &wanted, 1) != CKR_OK) return {};
  Bytes value(wanted.ulValueLen);
  wanted.pValue = value.data();
  if (module_.C_GetAttributeValue(session, object, &wanted, 1) != CKR_OK) return {};
  return value;
}

CK_RV Application::Sign(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                        BytesView data, Bytes& signature) const {
  const CK_RV begun = module_.C_SignInit(session, &mechanism, key);
  if (begun != CKR_OK) return begun;
  // The longest is that of RSA 4096.
  signature.resize(512);
  CK_ULONG size = signature.size();
  const CK_RV rv = module_.C_Sign(session, Pointer(data), data.size(), signature.data(), &size);
  signature.resize(rv == CKR_OK ? size : 0);
  return rv;
}

CK_RV Application::Verify(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                          BytesView data, BytesView signature) const {
  const CK_RV begun = module_.C_VerifyInit(session, &mechanism, key);
  if (begun != CKR_OK) return begun;
  return module_.C_Verify(session, Pointer(data), data.size(), Pointer(signature),
                          signature.size());
}

}  // namespace twinseal::test
