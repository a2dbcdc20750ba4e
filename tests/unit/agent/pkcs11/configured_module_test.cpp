// C_Initialize with the configurations that there are; slots and tokens (PKCS#11 v2.40 §5.5).
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class ConfiguredModuleTest : public ModuleTest {
 protected:
  // C_Initialize fails, and the log says these words.
  void ExpectRefusal(const std::string& words) {
    const std::string log = files_.Path("log");
    setenv("TWINSEAL_PKCS11_LOG", log.c_str(), 1);
    EXPECT_EQ(module_.C_Initialize(nullptr), CKR_GENERAL_ERROR) << words;
    unsetenv("TWINSEAL_PKCS11_LOG");
    std::ifstream file(log);
    std::stringstream told;
    told << file.rdbuf();
    EXPECT_THAT(told.str(), testing::HasSubstr(words));
  }
  std::vector<CK_SLOT_ID> Slots() {
    std::vector<CK_SLOT_ID> slots(16);
    CK_ULONG count = slots.size();
    EXPECT_EQ(module_.C_GetSlotList(CK_TRUE, slots.data(), &count), CKR_OK);
    slots.resize(count);
    return slots;
  }
  std::string Label(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    EXPECT_EQ(module_.C_GetTokenInfo(slot, &info), CKR_OK);
    const std::string label(reinterpret_cast<const char*>(info.label), sizeof info.label);
    return label.substr(0, label.find_last_not_of(' ') + 1);
  }
};

TEST_F(ConfiguredModuleTest, OneTokenForThePair) {
  Initialize();
  EXPECT_EQ(Slots(), (std::vector<CK_SLOT_ID>{0}));
  EXPECT_EQ(Label(0), "Twinseal");
  CK_SLOT_ID slot = 7;
  CK_ULONG none = 0;
  EXPECT_EQ(module_.C_GetSlotList(CK_TRUE, &slot, &none), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(none, 1U);
  EXPECT_EQ(slot, 7U);
}

TEST_F(ConfiguredModuleTest, AndOneASiteWhereThatIsConfigured) {
  domain_.Make("signer", v1::EC_P256);
  Configure("[sites]\neast = \"" + a_.Endpoint() + "\"\nwest = \"" + b_.Endpoint() + "\"\n");
  Initialize();
  EXPECT_EQ(Slots(), (std::vector<CK_SLOT_ID>{0, 1, 2}));
  EXPECT_EQ(Label(1), "Twinseal east");
  EXPECT_EQ(Label(2), "Twinseal west");
  const CK_SESSION_HANDLE session = app_.OpenSession(0, 2);
  Bytes signature;
  EXPECT_EQ(app_.Sign(session, {CKM_ECDSA_SHA256, nullptr, 0}, PrivateKey(session, "signer"), kAbc,
                      signature),
            CKR_OK);
  EXPECT_EQ(a_.requests(), 0U);
  EXPECT_GT(b_.requests(), 0U);
}

TEST_F(ConfiguredModuleTest, WhatATokenSaysOfItself) {
  Configure("label = \"Code signing\"", true);
  const CK_SESSION_HANDLE session = InitializeAndOpen();
  EXPECT_EQ(Label(0), "Code signing");
  CK_TOKEN_INFO info{};
  ASSERT_EQ(module_.C_GetTokenInfo(0, &info), CKR_OK);
  constexpr CK_FLAGS kFlags =
      CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
  EXPECT_EQ(info.flags, kFlags);
  EXPECT_EQ(info.ulSessionCount, 1U);
  EXPECT_EQ(info.ulRwSessionCount, 1U);
  const std::string serial(reinterpret_cast<const char*>(info.serialNumber),
                           sizeof info.serialNumber);
  EXPECT_EQ(serial, ca_.certificate().Fingerprint().substr(0, 16));
  EXPECT_EQ(module_.C_CloseSession(session), CKR_OK);
  ASSERT_EQ(module_.C_GetTokenInfo(0, &info), CKR_OK);
  EXPECT_EQ(info.ulSessionCount, 0U);
}

TEST_F(ConfiguredModuleTest, NoSuchSlot) {
  Initialize();
  CK_SLOT_INFO slot{};
  CK_TOKEN_INFO token{};
  CK_MECHANISM_INFO mechanism{};
  CK_ULONG count = 0;
  CK_SESSION_HANDLE session = 0;
  EXPECT_EQ(module_.C_GetSlotInfo(1, &slot), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(module_.C_GetTokenInfo(1, &token), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(module_.C_GetMechanismList(1, nullptr, &count), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(module_.C_GetMechanismInfo(1, CKM_ECDSA, &mechanism), CKR_SLOT_ID_INVALID);
  EXPECT_EQ(module_.C_OpenSession(1, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
            CKR_SLOT_ID_INVALID);
  EXPECT_EQ(module_.C_CloseAllSessions(1), CKR_SLOT_ID_INVALID);
}

TEST_F(ConfiguredModuleTest, NoConfigurationIsNoSlot) {
  setenv("TWINSEAL_PKCS11_CONF", "", 1);
  setenv("XDG_CONFIG_HOME", files_.Path("nobody").c_str(), 1);
  ASSERT_EQ(module_.C_Initialize(nullptr), CKR_OK);
  unsetenv("XDG_CONFIG_HOME");
  if (!std::ifstream("/etc/twinseal/pkcs11.conf")) {
    EXPECT_TRUE(Slots().empty());
  }
}

TEST_F(ConfiguredModuleTest, WhatCannotBeUsedIsRefusedAndLogged) {
  setenv("TWINSEAL_PKCS11_CONF", files_.Path("none.conf").c_str(), 1);
  ExpectRefusal("none.conf cannot be read");
  Configure("frequency = 3");
  ExpectRefusal("there is no setting 'frequency'");
  Configure("proxy = \"socks://x\"");
  ExpectRefusal("the proxy is not one that can be used");
  Configure("[sites]\na = \"http://a\"");
  ExpectRefusal("'http://a' is not an endpoint");
  files_.Write("ca.pem", "nothing of the kind");
  Configure();
  ExpectRefusal("the CA certificate cannot be read");
  files_.Write("client.key", "");
  Configure();
  ExpectRefusal("client.key is no PEM file");
  // Nothing has stayed initialized.
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
}

// What needs no PIN to be seen is seen at once.
TEST_F(ConfiguredModuleTest, AKeyThatIsNotTheCertificatesIsRefused) {
  files_.Write("client.pem", ca_.Client("bob").CertificatePem());
  Configure();
  ExpectRefusal("not of the client's key");
}

TEST_F(ConfiguredModuleTest, MechanismsHaveTheirSizesAndFlags) {
  Initialize();
  CK_ULONG count = 0;
  ASSERT_EQ(module_.C_GetMechanismList(0, nullptr, &count), CKR_OK);
  std::vector<CK_MECHANISM_TYPE> types(count);
  CK_ULONG too_few = count - 1;
  EXPECT_EQ(module_.C_GetMechanismList(0, types.data(), &too_few), CKR_BUFFER_TOO_SMALL);
  ASSERT_EQ(module_.C_GetMechanismList(0, types.data(), &count), CKR_OK);
  CK_MECHANISM_INFO info{};
  for (const CK_MECHANISM_TYPE type : types)
    EXPECT_EQ(module_.C_GetMechanismInfo(0, type, &info), CKR_OK) << type;
  ASSERT_EQ(module_.C_GetMechanismInfo(0, CKM_RSA_PKCS_PSS, &info), CKR_OK);
  EXPECT_EQ(info.ulMinKeySize, 2048U);
  EXPECT_EQ(info.ulMaxKeySize, 4096U);
  EXPECT_EQ(info.flags, CKF_HW | CKF_SIGN | CKF_VERIFY);
  EXPECT_EQ(module_.C_GetMechanismInfo(0, CKM_AES_GCM, &info), CKR_MECHANISM_INVALID);
  EXPECT_EQ(module_.C_GetMechanismInfo(0, CKM_DSA, &info), CKR_MECHANISM_INVALID);
}

}  // namespace
}  // namespace twinseal::pkcs11
