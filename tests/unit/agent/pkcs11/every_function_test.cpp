// What holds for all functions of a kind.
#include "tests/unit/agent/pkcs11/every_function.h"

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

using EveryFunctionTest = ModuleTest;

TEST_F(EveryFunctionTest, BeforeInitializeAllAreRefused) {
  for (const auto* const calls : {&SessionCalls(), &GeneralCalls()}) {
    for (const NamedCall& one : *calls)
      EXPECT_EQ(one.call(module_, 1), CKR_CRYPTOKI_NOT_INITIALIZED) << one.name;
  }
}

TEST_F(EveryFunctionTest, NoneWorksInASessionThatIsNotOpen) {
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  for (const CK_SESSION_HANDLE wrong : {CK_SESSION_HANDLE{CK_INVALID_HANDLE}, session + 1,
                                        CK_SESSION_HANDLE{CK_UNAVAILABLE_INFORMATION}}) {
    for (const NamedCall& one : SessionCalls())
      EXPECT_EQ(one.call(module_, wrong), CKR_SESSION_HANDLE_INVALID) << one.name;
  }
  ASSERT_EQ(module_.C_CloseSession(session), CKR_OK);
  for (const NamedCall& one : SessionCalls())
    EXPECT_EQ(one.call(module_, session), CKR_SESSION_HANDLE_INVALID) << one.name;
}

TEST_F(EveryFunctionTest, WhatTheModuleDoesNotDoItSays) {
  for (const NamedCall& one : MissingCalls())
    EXPECT_EQ(one.call(module_, 1), CKR_FUNCTION_NOT_SUPPORTED) << one.name;
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  for (const NamedCall& one : MissingCalls())
    EXPECT_EQ(one.call(module_, session), CKR_FUNCTION_NOT_SUPPORTED) << one.name;
}

// 68 functions in CK_FUNCTION_LIST of v2.40. C_Initialize and C_GetFunctionList have tests of
// their own.
TEST_F(EveryFunctionTest, NoneIsForgotten) {
  constexpr std::size_t kFunctions = 68;
  EXPECT_EQ(SessionCalls().size() + GeneralCalls().size() + MissingCalls().size() + 2, kFunctions);
}

TEST_F(EveryFunctionTest, NoneIsNull) {
  // A version, then nothing but pointers to functions.
  const auto* const entries = reinterpret_cast<void* const*>(&module_);
  constexpr std::size_t kFunctions = 68;
  for (std::size_t i = 1; i <= kFunctions; ++i) EXPECT_NE(entries[i], nullptr) << i;
}

}  // namespace
}  // namespace twinseal::pkcs11
