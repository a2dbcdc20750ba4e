// C_Login, C_Logout and the states of sessions (PKCS#11 v2.40 §5.6).
#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class LoginTest : public ModuleTest {
 protected:
  LoginTest() { domain_.Make("signer", v1::EC_P256); }

  CK_SESSION_HANDLE OpenWithPin() {
    Configure("", true);
    return InitializeAndOpen();
  }
  CK_STATE State(CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    EXPECT_EQ(module_.C_GetSessionInfo(session, &info), CKR_OK);
    return info.state;
  }
  CK_RV Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
    Bytes signature;
    return app_.Sign(session, {CKM_ECDSA_SHA256, nullptr, 0}, key, kAbc, signature);
  }
};

TEST_F(LoginTest, ThePinOpensTheKey) {
  const CK_SESSION_HANDLE session = OpenWithPin();
  EXPECT_EQ(PrivateKey(session, "signer"), CK_INVALID_HANDLE);
  EXPECT_EQ(a_.requests() + b_.requests(), 0U);
  EXPECT_EQ(app_.Login(session, test::kPin), CKR_OK);
  EXPECT_EQ(Sign(session, PrivateKey(session, "signer")), CKR_OK);
  EXPECT_EQ(app_.Login(session, test::kPin), CKR_USER_ALREADY_LOGGED_IN);
}

TEST_F(LoginTest, AWrongPinDoesNot) {
  const CK_SESSION_HANDLE session = OpenWithPin();
  for (const std::string& wrong : {std::string("1235"), std::string(), std::string(2000, '1')})
    EXPECT_EQ(app_.Login(session, wrong), CKR_PIN_INCORRECT) << wrong.size();
  EXPECT_EQ(State(session), CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(app_.Login(session, test::kPin), CKR_OK);
}

TEST_F(LoginTest, ThereIsOneKindOfUser) {
  const CK_SESSION_HANDLE session = OpenWithPin();
  CK_BYTE pin[] = {'1', '2', '3', '4'};
  EXPECT_EQ(module_.C_Login(session, CKU_SO, pin, sizeof pin), CKR_USER_TYPE_INVALID);
  EXPECT_EQ(module_.C_Login(session, 99, pin, sizeof pin), CKR_USER_TYPE_INVALID);
  EXPECT_EQ(module_.C_Login(session, CKU_CONTEXT_SPECIFIC, pin, sizeof pin),
            CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(LoginTest, AllSessionsAreLoggedInAndOut) {
  const CK_SESSION_HANDLE first = OpenWithPin();
  const CK_SESSION_HANDLE reader = app_.OpenSession(0);
  EXPECT_EQ(State(first), CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(State(reader), CKS_RO_PUBLIC_SESSION);
  ASSERT_EQ(app_.Login(first, test::kPin), CKR_OK);
  EXPECT_EQ(State(first), CKS_RW_USER_FUNCTIONS);
  EXPECT_EQ(State(reader), CKS_RO_USER_FUNCTIONS);
  EXPECT_EQ(module_.C_Logout(reader), CKR_OK);
  EXPECT_EQ(State(first), CKS_RW_PUBLIC_SESSION);
  EXPECT_EQ(module_.C_Logout(first), CKR_USER_NOT_LOGGED_IN);
}

TEST_F(LoginTest, TheLastSessionLogsOut) {
  const CK_SESSION_HANDLE first = OpenWithPin();
  ASSERT_EQ(app_.Login(first, test::kPin), CKR_OK);
  const CK_SESSION_HANDLE second = app_.OpenSession();
  EXPECT_EQ(module_.C_CloseSession(first), CKR_OK);
  EXPECT_EQ(State(second), CKS_RW_USER_FUNCTIONS);
  EXPECT_EQ(module_.C_CloseAllSessions(0), CKR_OK);
  EXPECT_EQ(State(app_.OpenSession()), CKS_RW_PUBLIC_SESSION);
}

TEST_F(LoginTest, LogoutHidesThePrivateKeysAndEndsNoSession) {
  const CK_SESSION_HANDLE session = OpenWithPin();
  ASSERT_EQ(app_.Login(session, test::kPin), CKR_OK);
  const CK_OBJECT_HANDLE key = PrivateKey(session, "signer");
  ASSERT_EQ(Sign(session, key), CKR_OK);
  ASSERT_EQ(module_.C_Logout(session), CKR_OK);
  EXPECT_EQ(Sign(session, key), CKR_USER_NOT_LOGGED_IN);
  CK_ATTRIBUTE label{CKA_LABEL, nullptr, 0};
  EXPECT_EQ(module_.C_GetAttributeValue(session, key, &label, 1), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(app_.Login(session, test::kPin), CKR_OK);
  EXPECT_EQ(Sign(session, key), CKR_OK);
}

TEST_F(LoginTest, LogoutInTheMiddleOfASignature) {
  const CK_SESSION_HANDLE session = OpenWithPin();
  ASSERT_EQ(app_.Login(session, test::kPin), CKR_OK);
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  CK_BYTE signature[64];
  CK_ULONG size = sizeof signature;
  ASSERT_EQ(module_.C_SignInit(session, &mechanism, PrivateKey(session, "signer")), CKR_OK);
  ASSERT_EQ(module_.C_SignUpdate(session, signature, 1), CKR_OK);
  ASSERT_EQ(module_.C_Logout(session), CKR_OK);
  EXPECT_EQ(module_.C_SignFinal(session, signature, &size), CKR_USER_NOT_LOGGED_IN);
  EXPECT_EQ(module_.C_SignFinal(session, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(LoginTest, AKeyThatIsNotEncryptedNeedsNoPin) {
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  CK_TOKEN_INFO info{};
  ASSERT_EQ(module_.C_GetTokenInfo(0, &info), CKR_OK);
  EXPECT_EQ(info.flags & CKF_LOGIN_REQUIRED, 0U);
  const CK_OBJECT_HANDLE key = PrivateKey(session, "signer");
  EXPECT_EQ(Sign(session, key), CKR_OK);
  // Some applications log in all the same.
  EXPECT_EQ(app_.Login(session, "whatever"), CKR_OK);
  EXPECT_EQ(module_.C_Logout(session), CKR_OK);
  EXPECT_EQ(Sign(session, key), CKR_OK);
}

// Told at C_Login, as the key cannot be read before.
TEST_F(LoginTest, AKeyThatIsNotTheCertificates) {
  files_.Write("client.pem", ca_.Client("bob").CertificatePem());
  EXPECT_EQ(app_.Login(OpenWithPin(), test::kPin), CKR_GENERAL_ERROR);
}

TEST_F(LoginTest, SessionsAreSerialAlways) {
  Initialize();
  CK_SESSION_HANDLE session = 0;
  EXPECT_EQ(module_.C_OpenSession(0, CKF_RW_SESSION, nullptr, nullptr, &session),
            CKR_SESSION_PARALLEL_NOT_SUPPORTED);
}

}  // namespace
}  // namespace twinseal::pkcs11
