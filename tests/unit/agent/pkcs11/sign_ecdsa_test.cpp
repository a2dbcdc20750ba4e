// ECDSA and EdDSA (PKCS#11 v2.40 curr §2.3.6, v3.0 curr §2.3.14), checked with OpenSSL.
#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class SignEcdsaTest : public SigningTest {
 protected:
  // Each mechanism that hashes, and each digest as it is.
  void ExpectAllHashes(std::size_t signature_size) {
    for (const auto& [mechanism, hash] :
         {std::pair(CKM_ECDSA_SHA256, "SHA256"), std::pair(CKM_ECDSA_SHA384, "SHA384"),
          std::pair(CKM_ECDSA_SHA512, "SHA512")}) {
      SignAndVerify({mechanism, nullptr, 0}, kAbc);
      EXPECT_EQ(signature_.size(), signature_size);
      EXPECT_TRUE(OpensslVerifies(der_, hash, RsaPadding::kNone, kAbc, signature_)) << hash;
      ASSERT_EQ(Sign({CKM_ECDSA, nullptr, 0}, DigestOfAbc(hash)), CKR_OK) << hash;
      EXPECT_EQ(signature_.size(), signature_size);
      EXPECT_TRUE(OpensslVerifies(der_, hash, RsaPadding::kNone, kAbc, signature_)) << hash;
      EXPECT_EQ(Verify({CKM_ECDSA, nullptr, 0}, DigestOfAbc(hash)), CKR_OK) << hash;
    }
  }
};

// A digest that is longer than the curve's order is cut: SHA-384 and SHA-512 on P-256.
TEST_F(SignEcdsaTest, P256) {
  Begin(v1::EC_P256);
  ExpectAllHashes(64);
}

TEST_F(SignEcdsaTest, P384) {
  Begin(v1::EC_P384);
  ExpectAllHashes(96);
}

TEST_F(SignEcdsaTest, P521) {
  Begin(v1::EC_P521);
  ExpectAllHashes(132);
}

TEST_F(SignEcdsaTest, DigestsOfAnyLength) {
  for (const v1::Algorithm algorithm : {v1::EC_P256, v1::EC_P521}) {
    Begin(algorithm);
    for (const std::size_t size : {1U, 20U, 28U, 31U, 32U, 33U, 47U, 48U, 63U, 64U}) {
      const Bytes digest(size, 0xA5);
      ASSERT_EQ(Sign({CKM_ECDSA, nullptr, 0}, digest), CKR_OK) << size;
      EXPECT_TRUE(OpensslVerifiesDigest(der_, digest, signature_)) << size;
      EXPECT_EQ(Verify({CKM_ECDSA, nullptr, 0}, digest), CKR_OK) << size;
    }
    ASSERT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  }
}

TEST_F(SignEcdsaTest, NoDigestAndOneThatIsTooLong) {
  Begin(v1::EC_P521);
  EXPECT_EQ(Sign({CKM_ECDSA, nullptr, 0}, {}), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(Sign({CKM_ECDSA, nullptr, 0}, Bytes(129, 1)), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(Sign({CKM_ECDSA_SHA256, nullptr, 0}, {}), CKR_OK);
}

// Numbers r and s that begin with zeros keep the length: one in 128 signatures has one.
TEST_F(SignEcdsaTest, TheLengthIsAlwaysTheSame) {
  Begin(v1::EC_P256);
  for (std::uint8_t i = 0; i < 200; ++i) {
    const Bytes digest(32, i);
    ASSERT_EQ(Sign({CKM_ECDSA, nullptr, 0}, digest), CKR_OK);
    ASSERT_EQ(signature_.size(), 64U);
    ASSERT_TRUE(OpensslVerifiesDigest(der_, digest, signature_));
  }
}

TEST_F(SignEcdsaTest, SignaturesThatAreNone) {
  Begin(v1::EC_P256);
  const CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  ASSERT_EQ(Sign(mechanism, kAbc), CKR_OK);
  const Bytes good = signature_;
  for (const std::size_t size : {0U, 1U, 63U, 65U, 128U}) {
    signature_ = good;
    signature_.resize(size);
    EXPECT_EQ(Verify(mechanism, kAbc), CKR_SIGNATURE_LEN_RANGE) << size;
  }
  for (const std::uint8_t fill : Bytes{0, 1, 255}) {
    signature_ = Bytes(64, fill);
    EXPECT_EQ(Verify(mechanism, kAbc), CKR_SIGNATURE_INVALID) << int{fill};
  }
}

TEST_F(SignEcdsaTest, TheMechanismsTakeNoParameters) {
  Begin(v1::EC_P256);
  CK_ULONG something = 0;
  EXPECT_EQ(Sign({CKM_ECDSA, &something, sizeof something}, Bytes(32)),
            CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(Verify({CKM_ECDSA_SHA256, &something, 1}, kAbc), CKR_MECHANISM_PARAM_INVALID);
}

TEST_F(SignEcdsaTest, MechanismsOfOtherKeysAndPurposes) {
  Begin(v1::EC_P256);
  for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_EDDSA})
    EXPECT_EQ(Sign({type, nullptr, 0}, kAbc), CKR_KEY_TYPE_INCONSISTENT) << type;
  for (const CK_MECHANISM_TYPE type :
       {CKM_SHA256, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA1, CKM_AES_CBC})
    EXPECT_EQ(Sign({type, nullptr, 0}, kAbc), CKR_MECHANISM_INVALID) << type;
}

TEST_F(SignEcdsaTest, Ed25519SignsTheMessage) {
  Begin(v1::ED25519);
  SignAndVerify({CKM_EDDSA, nullptr, 0}, kAbc);
  EXPECT_EQ(signature_.size(), 64U);
  EXPECT_TRUE(OpensslVerifies(der_, nullptr, RsaPadding::kNone, kAbc, signature_));
  const Bytes longest(65'536, 7);
  ASSERT_EQ(Sign({CKM_EDDSA, nullptr, 0}, longest), CKR_OK);
  EXPECT_TRUE(OpensslVerifies(der_, nullptr, RsaPadding::kNone, longest, signature_));
  EXPECT_EQ(Sign({CKM_EDDSA, nullptr, 0}, Bytes(65'537, 7)), CKR_DATA_LEN_RANGE);
}

// v3.0 curr §2.3.5: CK_EDDSA_PARAMS with neither a context nor the hashed variant means the same.
TEST_F(SignEcdsaTest, Ed25519WithParameters) {
  Begin(v1::ED25519);
  struct {
    CK_BBOOL hashed;
    CK_ULONG context_size;
    CK_BYTE* context;
  } parameters{CK_FALSE, 0, nullptr};
  const CK_MECHANISM mechanism{CKM_EDDSA, &parameters, sizeof parameters};
  EXPECT_EQ(Sign(mechanism, kAbc), CKR_OK);
  EXPECT_TRUE(OpensslVerifies(der_, nullptr, RsaPadding::kNone, kAbc, signature_));
  EXPECT_EQ(Sign({CKM_EDDSA, &parameters, sizeof parameters - 1}, kAbc),
            CKR_MECHANISM_PARAM_INVALID);
  EXPECT_EQ(Sign({CKM_EDDSA, nullptr, sizeof parameters}, kAbc), CKR_MECHANISM_PARAM_INVALID);
  parameters.hashed = CK_TRUE;
  EXPECT_EQ(Sign(mechanism, kAbc), CKR_MECHANISM_PARAM_INVALID);
}

}  // namespace
}  // namespace twinseal::pkcs11
