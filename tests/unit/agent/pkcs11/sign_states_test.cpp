// The course of C_Sign and C_Verify: lengths, parts, states, keys that change (v2.40 §5.11, §5.13).
#include <array>

#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class SignStatesTest : public SigningTest {
 protected:
  SignStatesTest() { Begin(v1::EC_P256); }

  CK_RV SignInit() { return module_.C_SignInit(session_, &mechanism_, key_); }
  CK_RV VerifyInit() { return module_.C_VerifyInit(session_, &mechanism_, public_key_); }
  CK_RV SignAbc(CK_BYTE* buffer) {
    return module_.C_Sign(session_, data_.data(), data_.size(), buffer, &size_);
  }
  std::size_t Signed() const { return a_.requests("Sign") + b_.requests("Sign"); }

  CK_MECHANISM mechanism_{CKM_ECDSA_SHA256, nullptr, 0};
  Bytes data_ = kAbc;
  std::array<CK_BYTE, 64> buffer_{};
  CK_ULONG size_ = 0;
};

TEST_F(SignStatesTest, AskingForTheLengthAsksNoAppliance) {
  ASSERT_EQ(SignInit(), CKR_OK);
  EXPECT_EQ(SignAbc(nullptr), CKR_OK);
  EXPECT_EQ(size_, 64U);
  EXPECT_EQ(Signed(), 0U);
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OK);
  EXPECT_EQ(Signed(), 1U);
}

TEST_F(SignStatesTest, ABufferThatIsTooSmallKeepsTheOperation) {
  ASSERT_EQ(SignInit(), CKR_OK);
  for (const CK_ULONG small : {0U, 1U, 63U}) {
    size_ = small;
    EXPECT_EQ(SignAbc(buffer_.data()), CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(size_, 64U);
  }
  EXPECT_EQ(buffer_, (std::array<CK_BYTE, 64>{}));
  EXPECT_EQ(Signed(), 0U);
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OK);
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(SignStatesTest, InParts) {
  ASSERT_EQ(SignInit(), CKR_OK);
  for (CK_BYTE& byte : data_) ASSERT_EQ(module_.C_SignUpdate(session_, &byte, 1), CKR_OK);
  EXPECT_EQ(module_.C_SignUpdate(session_, nullptr, 0), CKR_OK);
  EXPECT_EQ(module_.C_SignFinal(session_, nullptr, &size_), CKR_OK);
  size_ = 1;
  EXPECT_EQ(module_.C_SignFinal(session_, buffer_.data(), &size_), CKR_BUFFER_TOO_SMALL);
  ASSERT_EQ(module_.C_SignFinal(session_, buffer_.data(), &size_), CKR_OK);
  const Bytes signature(buffer_.begin(), buffer_.end());
  EXPECT_TRUE(OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature));

  ASSERT_EQ(VerifyInit(), CKR_OK);
  for (CK_BYTE& byte : data_) ASSERT_EQ(module_.C_VerifyUpdate(session_, &byte, 1), CKR_OK);
  EXPECT_EQ(module_.C_VerifyFinal(session_, buffer_.data(), size_), CKR_OK);
  EXPECT_EQ(module_.C_VerifyFinal(session_, buffer_.data(), size_), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(SignStatesTest, InPartsWithoutAHash) {
  mechanism_.mechanism = CKM_ECDSA;
  Bytes digest = DigestOfAbc("SHA256");
  ASSERT_EQ(SignInit(), CKR_OK);
  ASSERT_EQ(module_.C_SignUpdate(session_, digest.data(), 20), CKR_OK);
  ASSERT_EQ(module_.C_SignUpdate(session_, digest.data() + 20, 12), CKR_OK);
  size_ = buffer_.size();
  ASSERT_EQ(module_.C_SignFinal(session_, buffer_.data(), &size_), CKR_OK);
  const Bytes signature(buffer_.begin(), buffer_.end());
  EXPECT_TRUE(OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature));
}

TEST_F(SignStatesTest, WhatIsBegunInPartsIsNotEndedAtOnce) {
  ASSERT_EQ(SignInit(), CKR_OK);
  ASSERT_EQ(module_.C_SignUpdate(session_, data_.data(), 1), CKR_OK);
  size_ = buffer_.size();
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_SignFinal(session_, buffer_.data(), &size_), CKR_OK);
}

TEST_F(SignStatesTest, NothingIsBegun) {
  size_ = buffer_.size();
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(SignAbc(nullptr), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_SignUpdate(session_, data_.data(), 1), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_SignFinal(session_, buffer_.data(), &size_), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_Verify(session_, data_.data(), 1, buffer_.data(), 64),
            CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_VerifyUpdate(session_, data_.data(), 1), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_VerifyFinal(session_, buffer_.data(), 64), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(SignStatesTest, OneOperationAtATime) {
  CK_MECHANISM hash{CKM_SHA256, nullptr, 0};
  ASSERT_EQ(SignInit(), CKR_OK);
  EXPECT_EQ(SignInit(), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(VerifyInit(), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_DigestInit(session_, &hash), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_FindObjectsInit(session_, nullptr, 0), CKR_OPERATION_ACTIVE);
  // Another session has its own.
  const CK_SESSION_HANDLE other = app_.OpenSession();
  EXPECT_EQ(module_.C_SignInit(other, &mechanism_, key_), CKR_OK);
  size_ = buffer_.size();
  EXPECT_EQ(SignAbc(buffer_.data()), CKR_OK);
}

TEST_F(SignStatesTest, WrongHandlesAndHalves) {
  EXPECT_EQ(module_.C_SignInit(session_, &mechanism_, CK_INVALID_HANDLE), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(module_.C_SignInit(session_, &mechanism_, key_ + public_key_), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(module_.C_SignInit(session_, &mechanism_, public_key_), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(module_.C_VerifyInit(session_, &mechanism_, key_), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(SignInit(), CKR_OK);
}

TEST_F(SignStatesTest, AnErrorEndsTheOperation) {
  for (test::FakeAppliance* const site : {&a_, &b_})
    site->Fail(Error(Code::kPermissionDenied, "not with this key"));
  EXPECT_EQ(Sign(mechanism_, kAbc), CKR_KEY_FUNCTION_NOT_PERMITTED);
  EXPECT_EQ(SignAbc(nullptr), CKR_OPERATION_NOT_INITIALIZED);
  for (test::FakeAppliance* const site : {&a_, &b_}) site->Serve();
  EXPECT_EQ(Sign(mechanism_, kAbc), CKR_OK);
}

TEST_F(SignStatesTest, WhatAnApplianceAnswersHasItsValue) {
  const std::vector<std::pair<Code, CK_RV>> answers = {
      {Code::kInvalidArgument, CKR_DATA_INVALID},
      {Code::kNotFound, CKR_KEY_HANDLE_INVALID},
      {Code::kPermissionDenied, CKR_KEY_FUNCTION_NOT_PERMITTED},
      {Code::kFailedPrecondition, CKR_KEY_FUNCTION_NOT_PERMITTED},
      {Code::kResourceExhausted, CKR_DEVICE_MEMORY},
      {Code::kUnimplemented, CKR_MECHANISM_INVALID},
      {Code::kInternal, CKR_DEVICE_ERROR},
      {Code::kDataLoss, CKR_DEVICE_ERROR},
  };
  for (const auto& [code, rv] : answers) {
    for (test::FakeAppliance* const site : {&a_, &b_}) site->Fail(Error(code, "as told"));
    EXPECT_EQ(Sign(mechanism_, kAbc), rv) << CodeName(code);
  }
}

// A handle is of a version: that of before a rotation verifies, and does not sign.
TEST_F(SignStatesTest, AKeyThatIsRotated) {
  ASSERT_EQ(Sign(mechanism_, kAbc), CKR_OK);
  domain_.Rotate("signer");
  EXPECT_EQ(Verify(mechanism_, kAbc), CKR_OK);
  Bytes refused;
  EXPECT_EQ(app_.Sign(session_, mechanism_, key_, kAbc, refused), CKR_KEY_FUNCTION_NOT_PERMITTED);
  const CK_OBJECT_HANDLE current = PrivateKey(session_, "signer");
  EXPECT_NE(current, key_);
  EXPECT_EQ(app_.Sign(session_, mechanism_, current, kAbc, signature_), CKR_OK);
  EXPECT_EQ(Verify(mechanism_, kAbc), CKR_SIGNATURE_INVALID);
}

TEST_F(SignStatesTest, AKeyThatIsDisabled) {
  domain_.SetState("signer", v1::DISABLED);
  EXPECT_EQ(Sign(mechanism_, kAbc), CKR_KEY_FUNCTION_NOT_PERMITTED);
  domain_.SetState("signer", v1::ENABLED);
  EXPECT_EQ(Sign(mechanism_, kAbc), CKR_OK);
}

}  // namespace
}  // namespace twinseal::pkcs11
