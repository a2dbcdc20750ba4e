#include "agent/pkcs11/function_list.h"

#include <array>
#include <cstring>

#include "agent/pkcs11/border.h"
#include "agent/pkcs11/calls.h"

namespace twinseal::pkcs11 {
namespace {

// Of either version: v3.0 has the functions of v2.40 and more.
template <typename List>
constexpr void BindAll(List& list) {
  Bind<calls::Initialize>(list.C_Initialize);
  Bind<calls::Finalize>(list.C_Finalize);
  Bind<calls::GetInfo>(list.C_GetInfo);
  list.C_GetFunctionList = GetFunctionList;
  Bind<calls::GetSlotList>(list.C_GetSlotList);
  Bind<calls::GetSlotInfo>(list.C_GetSlotInfo);
  Bind<calls::GetTokenInfo>(list.C_GetTokenInfo);
  Bind<calls::GetMechanismList>(list.C_GetMechanismList);
  Bind<calls::GetMechanismInfo>(list.C_GetMechanismInfo);
  Bind<calls::WaitForSlotEvent>(list.C_WaitForSlotEvent);
  Bind<calls::OpenSession>(list.C_OpenSession);
  Bind<calls::CloseSession>(list.C_CloseSession);
  Bind<calls::CloseAllSessions>(list.C_CloseAllSessions);
  Bind<calls::GetSessionInfo>(list.C_GetSessionInfo);
  Bind<calls::Login>(list.C_Login);
  Bind<calls::Logout>(list.C_Logout);
  Bind<calls::GetFunctionStatus>(list.C_GetFunctionStatus);
  Bind<calls::CancelFunction>(list.C_CancelFunction);
  Bind<calls::CreateObject>(list.C_CreateObject);
  Bind<calls::DestroyObject>(list.C_DestroyObject);
  Bind<calls::GetAttributeValue>(list.C_GetAttributeValue);
  Bind<calls::SetAttributeValue>(list.C_SetAttributeValue);
  Bind<calls::FindObjectsInit>(list.C_FindObjectsInit);
  Bind<calls::FindObjects>(list.C_FindObjects);
  Bind<calls::FindObjectsFinal>(list.C_FindObjectsFinal);
  Bind<calls::GenerateKeyPair>(list.C_GenerateKeyPair);
  Bind<calls::DigestInit>(list.C_DigestInit);
  Bind<calls::Digest>(list.C_Digest);
  Bind<calls::DigestUpdate>(list.C_DigestUpdate);
  Bind<calls::DigestFinal>(list.C_DigestFinal);
  Bind<calls::SignInit>(list.C_SignInit);
  Bind<calls::Sign>(list.C_Sign);
  Bind<calls::SignUpdate>(list.C_SignUpdate);
  Bind<calls::SignFinal>(list.C_SignFinal);
  Bind<calls::VerifyInit>(list.C_VerifyInit);
  Bind<calls::Verify>(list.C_Verify);
  Bind<calls::VerifyUpdate>(list.C_VerifyUpdate);
  Bind<calls::VerifyFinal>(list.C_VerifyFinal);
  Bind<calls::SeedRandom>(list.C_SeedRandom);
  Bind<calls::GenerateRandom>(list.C_GenerateRandom);

  Lack(list.C_InitToken);
  Lack(list.C_InitPIN);
  Lack(list.C_SetPIN);
  Lack(list.C_GetOperationState);
  Lack(list.C_SetOperationState);
  Lack(list.C_CopyObject);
  Lack(list.C_GetObjectSize);
  Lack(list.C_EncryptInit);
  Lack(list.C_Encrypt);
  Lack(list.C_EncryptUpdate);
  Lack(list.C_EncryptFinal);
  Lack(list.C_DecryptInit);
  Lack(list.C_Decrypt);
  Lack(list.C_DecryptUpdate);
  Lack(list.C_DecryptFinal);
  Lack(list.C_DigestKey);
  Lack(list.C_SignRecoverInit);
  Lack(list.C_SignRecover);
  Lack(list.C_VerifyRecoverInit);
  Lack(list.C_VerifyRecover);
  Lack(list.C_DigestEncryptUpdate);
  Lack(list.C_DecryptDigestUpdate);
  Lack(list.C_SignEncryptUpdate);
  Lack(list.C_DecryptVerifyUpdate);
  Lack(list.C_GenerateKey);
  Lack(list.C_WrapKey);
  Lack(list.C_UnwrapKey);
  Lack(list.C_DeriveKey);
}

constexpr void BindNew(CK_FUNCTION_LIST_3_0& list) {
  list.C_GetInterfaceList = GetInterfaceList;
  list.C_GetInterface = GetInterface;
  Bind<calls::LoginUser>(list.C_LoginUser);
  Bind<calls::SessionCancel>(list.C_SessionCancel);

  Lack(list.C_MessageEncryptInit);
  Lack(list.C_EncryptMessage);
  Lack(list.C_EncryptMessageBegin);
  Lack(list.C_EncryptMessageNext);
  Lack(list.C_MessageEncryptFinal);
  Lack(list.C_MessageDecryptInit);
  Lack(list.C_DecryptMessage);
  Lack(list.C_DecryptMessageBegin);
  Lack(list.C_DecryptMessageNext);
  Lack(list.C_MessageDecryptFinal);
  Lack(list.C_MessageSignInit);
  Lack(list.C_SignMessage);
  Lack(list.C_SignMessageBegin);
  Lack(list.C_SignMessageNext);
  Lack(list.C_MessageSignFinal);
  Lack(list.C_MessageVerifyInit);
  Lack(list.C_VerifyMessage);
  Lack(list.C_VerifyMessageBegin);
  Lack(list.C_VerifyMessageNext);
  Lack(list.C_MessageVerifyFinal);
}

constexpr CK_FUNCTION_LIST MakeList() {
  CK_FUNCTION_LIST list{};
  list.version = {2, 40};
  BindAll(list);
  return list;
}

constexpr CK_FUNCTION_LIST_3_0 MakeNewList() {
  CK_FUNCTION_LIST_3_0 list{};
  list.version = {3, 0};
  BindAll(list);
  BindNew(list);
  return list;
}

// Constant, though C has no way to say so to the applications.
constinit CK_FUNCTION_LIST function_list = MakeList();
constinit CK_FUNCTION_LIST_3_0 new_function_list = MakeNewList();
char interface_name[] = "PKCS 11";
// The first is what an application gets that asks for none in particular.
constinit std::array<CK_INTERFACE, 2> interfaces = {
    CK_INTERFACE{interface_name, &new_function_list, 0},
    CK_INTERFACE{interface_name, &function_list, 0}};

// A function list of either version begins with its version.
CK_VERSION VersionOf(const CK_INTERFACE& interface) {
  return *static_cast<const CK_VERSION*>(interface.pFunctionList);
}

}  // namespace

CK_RV GetFunctionList(CK_FUNCTION_LIST** list) noexcept {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = &function_list;
  return CKR_OK;
}

CK_RV GetInterfaceList(CK_INTERFACE* list, CK_ULONG* count) noexcept {
  if (count == nullptr) return CKR_ARGUMENTS_BAD;
  const CK_ULONG room = *count;
  *count = interfaces.size();
  if (list == nullptr) return CKR_OK;
  if (room < interfaces.size()) return CKR_BUFFER_TOO_SMALL;
  std::memcpy(list, interfaces.data(), sizeof interfaces);
  return CKR_OK;
}

CK_RV GetInterface(CK_UTF8CHAR* name, CK_VERSION* version, CK_INTERFACE** interface,
                   CK_FLAGS flags) noexcept {
  if (interface == nullptr) return CKR_ARGUMENTS_BAD;
  const bool another =
      name != nullptr && std::strcmp(reinterpret_cast<const char*>(name), interface_name) != 0;
  // None is safe to use on both sides of a fork without C_Initialize (CKF_INTERFACE_FORK_SAFE).
  if (another || flags != 0) return CKR_FUNCTION_FAILED;
  for (CK_INTERFACE& one : interfaces) {
    const CK_VERSION has = VersionOf(one);
    if (version != nullptr && (has.major != version->major || has.minor != version->minor))
      continue;
    *interface = &one;
    return CKR_OK;
  }
  return CKR_FUNCTION_FAILED;
}

}  // namespace twinseal::pkcs11
