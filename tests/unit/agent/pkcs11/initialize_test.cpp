// C_Initialize and C_Finalize (PKCS#11 v2.40 §5.4).
#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

using InitializeTest = ModuleTest;

CK_RV NoMutex(void**) { return CKR_GENERAL_ERROR; }
CK_RV NoLock(void*) { return CKR_GENERAL_ERROR; }

CK_C_INITIALIZE_ARGS WithCallbacks(CK_FLAGS flags) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.CreateMutex = NoMutex;
  arguments.DestroyMutex = NoLock;
  arguments.LockMutex = NoLock;
  arguments.UnlockMutex = NoLock;
  arguments.flags = flags;
  return arguments;
}

TEST_F(InitializeTest, ASecondTimeIsRefusedAndChangesNothing) {
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  EXPECT_EQ(module_.C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  CK_SESSION_INFO info{};
  EXPECT_EQ(module_.C_GetSessionInfo(session, &info), CKR_OK);
}

TEST_F(InitializeTest, FinalizeASecondTimeIsRefused) {
  Initialize();
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
}

TEST_F(InitializeTest, FinalizeTakesNoArgument) {
  Initialize();
  int something = 0;
  EXPECT_EQ(module_.C_Finalize(&something), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
}

TEST_F(InitializeTest, AfterFinalizeItBeginsAnew) {
  domain_.Make("signer", v1::EC_P256);
  const CK_SESSION_HANDLE before = InitializeAndOpen();
  ASSERT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  CK_SESSION_INFO info{};
  EXPECT_EQ(module_.C_GetSessionInfo(before, &info), CKR_CRYPTOKI_NOT_INITIALIZED);
  const CK_SESSION_HANDLE after = InitializeAndOpen();
  Bytes signature;
  EXPECT_EQ(app_.Sign(after, {CKM_ECDSA_SHA256, nullptr, 0}, PrivateKey(after, "signer"), kAbc,
                      signature),
            CKR_OK);
}

TEST_F(InitializeTest, TheSystemsLocksWillDoAndOthersAloneWillNot) {
  Configure();
  CK_C_INITIALIZE_ARGS only_theirs = WithCallbacks(0);
  EXPECT_EQ(module_.C_Initialize(&only_theirs), CKR_CANT_LOCK);
  CK_C_INITIALIZE_ARGS either = WithCallbacks(CKF_OS_LOCKING_OK);
  EXPECT_EQ(module_.C_Initialize(&either), CKR_OK);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  CK_C_INITIALIZE_ARGS systems{};
  systems.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
  EXPECT_EQ(module_.C_Initialize(&systems), CKR_OK);
}

TEST_F(InitializeTest, SomeOfTheCallbacksOrAReservedPointerAreWrong) {
  Configure();
  CK_C_INITIALIZE_ARGS some = WithCallbacks(CKF_OS_LOCKING_OK);
  some.UnlockMutex = nullptr;
  EXPECT_EQ(module_.C_Initialize(&some), CKR_ARGUMENTS_BAD);
  CK_C_INITIALIZE_ARGS reserved{};
  reserved.pReserved = &reserved;
  EXPECT_EQ(module_.C_Initialize(&reserved), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
}

}  // namespace
}  // namespace twinseal::pkcs11
