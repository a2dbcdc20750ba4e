// C_GetInterface and C_GetInterfaceList, and what v3.0 adds (PKCS#11 v3.0 §5.4, §5.6).
#include <array>
#include <cstring>

#include "agent/pkcs11/function_list.h"
#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class InterfacesTest : public ModuleTest {
 protected:
  static CK_FUNCTION_LIST_3_0& NewList() {
    CK_VERSION version{3, 0};
    CK_INTERFACE* interface = nullptr;
    EXPECT_EQ(GetInterface(nullptr, &version, &interface, 0), CKR_OK);
    return *static_cast<CK_FUNCTION_LIST_3_0*>(interface->pFunctionList);
  }
};

CK_UTF8CHAR* Name(const char* name) {
  return const_cast<CK_UTF8CHAR*>(reinterpret_cast<const CK_UTF8CHAR*>(name));
}

TEST_F(InterfacesTest, ThereAreTwoOfTheStandardsName) {
  CK_ULONG count = 0;
  EXPECT_EQ(GetInterfaceList(nullptr, nullptr), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(GetInterfaceList(nullptr, &count), CKR_OK);
  ASSERT_EQ(count, 2U);
  std::array<CK_INTERFACE, 2> list{};
  count = 1;
  EXPECT_EQ(GetInterfaceList(list.data(), &count), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(count, 2U);
  ASSERT_EQ(GetInterfaceList(list.data(), &count), CKR_OK);
  const std::array<int, 2> majors = {3, 2};
  for (std::size_t i = 0; i < list.size(); ++i) {
    EXPECT_STREQ(reinterpret_cast<const char*>(list.at(i).pInterfaceName), "PKCS 11");
    EXPECT_EQ(list.at(i).flags, 0U);
    EXPECT_EQ(static_cast<const CK_VERSION*>(list.at(i).pFunctionList)->major, majors.at(i));
  }
}

TEST_F(InterfacesTest, OneIsFoundByNameAndVersion) {
  CK_INTERFACE* found = nullptr;
  EXPECT_EQ(GetInterface(nullptr, nullptr, nullptr, 0), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(GetInterface(nullptr, nullptr, &found, 0), CKR_OK);
  EXPECT_EQ(static_cast<const CK_VERSION*>(found->pFunctionList)->major, 3);
  CK_VERSION old{2, 40};
  ASSERT_EQ(GetInterface(Name("PKCS 11"), &old, &found, 0), CKR_OK);
  EXPECT_EQ(found->pFunctionList, &module_);
}

TEST_F(InterfacesTest, WhatThereIsNotIsRefused) {
  CK_INTERFACE* found = nullptr;
  CK_VERSION next{3, 1};
  EXPECT_EQ(GetInterface(Name("PKCS 12"), nullptr, &found, 0), CKR_FUNCTION_FAILED);
  EXPECT_EQ(GetInterface(nullptr, &next, &found, 0), CKR_FUNCTION_FAILED);
  // None of the two may be used after a fork without C_Initialize.
  EXPECT_EQ(GetInterface(nullptr, nullptr, &found, 1), CKR_FUNCTION_FAILED);
  EXPECT_EQ(found, nullptr);
}

TEST_F(InterfacesTest, TheNewListSignsAsTheOldOneDoes) {
  domain_.Make("signer", v1::EC_P256);
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  const CK_OBJECT_HANDLE key = PrivateKey(session, "signer");
  CK_FUNCTION_LIST_3_0& list = NewList();
  EXPECT_EQ(list.version.major, 3);
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  std::array<CK_BYTE, 64> signature{};
  CK_ULONG size = signature.size();
  ASSERT_EQ(list.C_SignInit(session, &mechanism, key), CKR_OK);
  EXPECT_EQ(list.C_Sign(session, signature.data(), 3, signature.data(), &size), CKR_OK);
}

TEST_F(InterfacesTest, LoginUserKnowsNoNames) {
  Configure("", true);
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  CK_FUNCTION_LIST_3_0& list = NewList();
  EXPECT_EQ(list.C_LoginUser(session, CKU_USER, Name(test::kPin), 4, Name("alice"), 5),
            CKR_USER_TYPE_INVALID);
  EXPECT_EQ(list.C_LoginUser(session, CKU_USER, Name(test::kPin), 4, nullptr, 0), CKR_OK);
}

TEST_F(InterfacesTest, SessionCancelEndsTheKindsThatItNames) {
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  CK_FUNCTION_LIST_3_0& list = NewList();
  CK_MECHANISM hash{CKM_SHA256, nullptr, 0};
  constexpr CK_BYTE kByte = 1;
  CK_BYTE* const data = const_cast<CK_BYTE*>(&kByte);
  ASSERT_EQ(list.C_DigestInit(session, &hash), CKR_OK);
  EXPECT_EQ(list.C_SessionCancel(session, CKF_SIGN | CKF_VERIFY), CKR_OK);
  EXPECT_EQ(list.C_DigestUpdate(session, data, 1), CKR_OK);
  EXPECT_EQ(list.C_SessionCancel(session, CKF_DIGEST), CKR_OK);
  EXPECT_EQ(list.C_DigestUpdate(session, data, 1), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(list.C_SessionCancel(session + 1, CKF_DIGEST), CKR_SESSION_HANDLE_INVALID);

  constexpr CK_FLAGS kFindObjects = 1UL << 6U;
  ASSERT_EQ(list.C_FindObjectsInit(session, nullptr, 0), CKR_OK);
  EXPECT_EQ(list.C_SessionCancel(session, kFindObjects), CKR_OK);
  EXPECT_EQ(list.C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(InterfacesTest, MessagesAreNotSupported) {
  CK_FUNCTION_LIST_3_0& list = NewList();
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  EXPECT_EQ(list.C_MessageSignInit(1, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(list.C_SignMessage(1, nullptr, 0, nullptr, 0, nullptr, nullptr),
            CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(list.C_MessageEncryptInit(1, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(list.C_MessageDecryptInit(1, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(list.C_MessageVerifyInit(1, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(list.C_MessageVerifyFinal(1), CKR_FUNCTION_NOT_SUPPORTED);
}

TEST_F(InterfacesTest, NoEntryOfTheNewListIsNull) {
  const auto* const entries = reinterpret_cast<void* const*>(&NewList());
  constexpr std::size_t kFunctions = 92;
  static_assert(sizeof(CK_FUNCTION_LIST_3_0) == (kFunctions + 1) * sizeof(void*));
  for (std::size_t i = 1; i <= kFunctions; ++i) EXPECT_NE(entries[i], nullptr) << i;
}

}  // namespace
}  // namespace twinseal::pkcs11
