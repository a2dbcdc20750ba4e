// Null pointers where the standard forbids them: CKR_ARGUMENTS_BAD, and nothing has happened.
#include <array>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class NullPointersTest : public ModuleTest {
 protected:
  NullPointersTest() {
    domain_.Make("signer", v1::EC_P256);
    session_ = InitializeAndOpen();
    key_ = PrivateKey(session_, "signer");
    public_key_ = PublicKey(session_, "signer");
  }

  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE public_key_ = CK_INVALID_HANDLE;
  std::array<CK_BYTE, 256> buffer_{};
  CK_ULONG size_ = buffer_.size();
  CK_MECHANISM sign_{CKM_ECDSA_SHA256, nullptr, 0};
  CK_MECHANISM hash_{CKM_SHA256, nullptr, 0};
};

TEST_F(NullPointersTest, NothingToWriteInformationTo) {
  EXPECT_EQ(module_.C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetFunctionList(nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetSlotList(CK_TRUE, nullptr, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetSlotInfo(0, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetTokenInfo(0, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetMechanismList(0, nullptr, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetMechanismInfo(0, CKM_ECDSA, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GetSessionInfo(session_, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, nullptr),
            CKR_ARGUMENTS_BAD);
}

TEST_F(NullPointersTest, NoMechanism) {
  CK_OBJECT_HANDLE made = 0;
  EXPECT_EQ(module_.C_DigestInit(session_, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_SignInit(session_, nullptr, key_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_VerifyInit(session_, nullptr, public_key_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GenerateKeyPair(session_, nullptr, nullptr, 0, nullptr, 0, &made, &made),
            CKR_ARGUMENTS_BAD);
}

TEST_F(NullPointersTest, NoObject) {
  CK_OBJECT_HANDLE made = 0;
  Template wanted;
  wanted.Number(CKA_CLASS, CKO_CERTIFICATE);
  EXPECT_EQ(module_.C_CreateObject(session_, wanted.data(), wanted.size(), nullptr),
            CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_CreateObject(session_, nullptr, 1, &made), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_CreateObject(session_, nullptr, 0, &made), CKR_TEMPLATE_INCOMPLETE);
}

// v3.0 §5.13.1: without a mechanism, C_SignInit ends what C_SignInit began.
TEST_F(NullPointersTest, NoMechanismEndsAnOperationOfTheSameKind) {
  ASSERT_EQ(module_.C_SignInit(session_, &sign_, key_), CKR_OK);
  EXPECT_EQ(module_.C_VerifyInit(session_, nullptr, public_key_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_SignInit(session_, nullptr, CK_INVALID_HANDLE), CKR_OK);
  EXPECT_EQ(module_.C_Sign(session_, nullptr, 0, buffer_.data(), &size_),
            CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(NullPointersTest, ALengthWithoutDataKeepsTheOperation) {
  ASSERT_EQ(module_.C_DigestInit(session_, &hash_), CKR_OK);
  EXPECT_EQ(module_.C_Digest(session_, nullptr, 3, buffer_.data(), &size_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_DigestUpdate(session_, nullptr, 3), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Digest(session_, nullptr, 0, buffer_.data(), nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Digest(session_, nullptr, 0, buffer_.data(), &size_), CKR_OK);

  ASSERT_EQ(module_.C_SignInit(session_, &sign_, key_), CKR_OK);
  EXPECT_EQ(module_.C_Sign(session_, nullptr, 3, buffer_.data(), &size_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_SignUpdate(session_, nullptr, 3), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_SignFinal(session_, buffer_.data(), nullptr), CKR_ARGUMENTS_BAD);
  size_ = buffer_.size();
  EXPECT_EQ(module_.C_Sign(session_, nullptr, 0, buffer_.data(), &size_), CKR_OK);

  ASSERT_EQ(module_.C_VerifyInit(session_, &sign_, public_key_), CKR_OK);
  EXPECT_EQ(module_.C_Verify(session_, nullptr, 3, buffer_.data(), size_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Verify(session_, nullptr, 0, nullptr, size_), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_VerifyUpdate(session_, nullptr, 3), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_VerifyFinal(session_, nullptr, 3), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_Verify(session_, nullptr, 0, buffer_.data(), size_), CKR_OK);
}

TEST_F(NullPointersTest, TemplatesAndHandles) {
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 0;
  CK_ATTRIBUTE hollow{CKA_LABEL, nullptr, 3};
  EXPECT_EQ(module_.C_FindObjectsInit(session_, nullptr, 1), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_FindObjectsInit(session_, &hollow, 1), CKR_ARGUMENTS_BAD);
  ASSERT_EQ(module_.C_FindObjectsInit(session_, nullptr, 0), CKR_OK);
  EXPECT_EQ(module_.C_FindObjects(session_, nullptr, 1, &count), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_FindObjects(session_, &found, 1, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_FindObjects(session_, nullptr, 0, &count), CKR_OK);
  EXPECT_EQ(count, 0U);
  EXPECT_EQ(module_.C_FindObjects(session_, &found, 1, &count), CKR_OK);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(module_.C_FindObjectsFinal(session_), CKR_OK);

  EXPECT_EQ(module_.C_GetAttributeValue(session_, key_, nullptr, 1), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_SetAttributeValue(session_, key_, nullptr, 1), CKR_ARGUMENTS_BAD);
}

TEST_F(NullPointersTest, KeyPairsAndRandom) {
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE made = 0;
  const auto make = [&](CK_ATTRIBUTE* attributes, CK_ULONG count, CK_OBJECT_HANDLE* public_key,
                        CK_OBJECT_HANDLE* private_key) {
    return module_.C_GenerateKeyPair(session_, &mechanism, attributes, count, nullptr, 0,
                                     public_key, private_key);
  };
  EXPECT_EQ(make(nullptr, 1, &made, &made), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(make(nullptr, 0, nullptr, &made), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(make(nullptr, 0, &made, nullptr), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GenerateRandom(session_, nullptr, 8), CKR_ARGUMENTS_BAD);
  EXPECT_EQ(module_.C_GenerateRandom(session_, nullptr, 0), CKR_OK);
  EXPECT_EQ(module_.C_Login(session_, CKU_USER, nullptr, 4), CKR_ARGUMENTS_BAD);
}

}  // namespace
}  // namespace twinseal::pkcs11
