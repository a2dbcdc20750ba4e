// C_Digest (PKCS#11 v2.40 §5.10) and C_GenerateRandom (§5.14).
#include <array>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class DigestRandomTest : public ModuleTest {
 protected:
  DigestRandomTest() { session_ = InitializeAndOpen(); }

  CK_RV DigestInit(CK_MECHANISM_TYPE type) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    return module_.C_DigestInit(session_, &mechanism);
  }
  CK_RV DigestAbc() {
    return module_.C_Digest(session_, data_.data(), data_.size(), buffer_.data(), &size_);
  }

  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  Bytes data_ = kAbc;
  std::array<CK_BYTE, 64> buffer_{};
  CK_ULONG size_ = buffer_.size();
};

TEST_F(DigestRandomTest, EachHashAtOnceAndInParts) {
  for (const auto& [type, hash] : {std::pair(CKM_SHA_1, "SHA1"), std::pair(CKM_SHA224, "SHA224"),
                                   std::pair(CKM_SHA256, "SHA256"), std::pair(CKM_SHA384, "SHA384"),
                                   std::pair(CKM_SHA512, "SHA512")}) {
    const Bytes digest = DigestOfAbc(hash);
    size_ = buffer_.size();
    ASSERT_EQ(DigestInit(type), CKR_OK) << hash;
    ASSERT_EQ(DigestAbc(), CKR_OK) << hash;
    EXPECT_EQ(Bytes(buffer_.data(), buffer_.data() + size_), digest) << hash;

    buffer_ = {};
    size_ = buffer_.size();
    ASSERT_EQ(DigestInit(type), CKR_OK) << hash;
    for (CK_BYTE& byte : data_) ASSERT_EQ(module_.C_DigestUpdate(session_, &byte, 1), CKR_OK);
    ASSERT_EQ(module_.C_DigestFinal(session_, buffer_.data(), &size_), CKR_OK);
    EXPECT_EQ(Bytes(buffer_.data(), buffer_.data() + size_), digest) << hash;
  }
  EXPECT_EQ(a_.requests() + b_.requests(), 0U);
}

TEST_F(DigestRandomTest, TheLengthAndABufferThatIsTooSmall) {
  ASSERT_EQ(DigestInit(CKM_SHA256), CKR_OK);
  EXPECT_EQ(module_.C_Digest(session_, data_.data(), data_.size(), nullptr, &size_), CKR_OK);
  EXPECT_EQ(size_, 32U);
  size_ = 31;
  EXPECT_EQ(DigestAbc(), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(size_, 32U);
  EXPECT_EQ(DigestAbc(), CKR_OK);
  EXPECT_EQ(DigestAbc(), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_DigestFinal(session_, buffer_.data(), &size_), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(DigestRandomTest, StatesAndMechanisms) {
  CK_ULONG something = 0;
  CK_MECHANISM with_parameter{CKM_SHA256, &something, sizeof something};
  EXPECT_EQ(module_.C_DigestInit(session_, &with_parameter), CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(DigestInit(CKM_ECDSA), CKR_MECHANISM_INVALID);
  EXPECT_EQ(DigestInit(CKM_MD5), CKR_MECHANISM_INVALID);
  ASSERT_EQ(DigestInit(CKM_SHA256), CKR_OK);
  EXPECT_EQ(DigestInit(CKM_SHA256), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_DigestUpdate(session_, data_.data(), 1), CKR_OK);
  EXPECT_EQ(DigestAbc(), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_DigestFinal(session_, buffer_.data(), &size_), CKR_OK);
}

TEST_F(DigestRandomTest, RandomBytesOfAnyNumber) {
  // In requests of 1,024 bytes.
  for (const std::size_t size : {1U, 1024U, 1025U, 5000U}) {
    Bytes first(size);
    Bytes second(size);
    ASSERT_EQ(module_.C_GenerateRandom(session_, first.data(), size), CKR_OK);
    ASSERT_EQ(module_.C_GenerateRandom(session_, second.data(), size), CKR_OK);
    if (size > 1) {
      EXPECT_NE(first, second);
    }
  }
  EXPECT_EQ(a_.requests("GenerateRandom") + b_.requests("GenerateRandom"), 2U + 2U + 4U + 10U);
}

TEST_F(DigestRandomTest, RandomBytesNeedNoSeedAndAnAppliance) {
  EXPECT_EQ(module_.C_SeedRandom(session_, data_.data(), data_.size()),
            CKR_RANDOM_SEED_NOT_SUPPORTED);
  for (test::FakeAppliance* const site : {&a_, &b_}) site->Fail(Error(Code::kInternal, "no HSM"));
  EXPECT_EQ(module_.C_GenerateRandom(session_, buffer_.data(), 8), CKR_DEVICE_ERROR);
}

}  // namespace
}  // namespace twinseal::pkcs11
