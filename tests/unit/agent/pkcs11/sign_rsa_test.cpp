// RSA PKCS#1 v1.5 and PSS (PKCS#11 v2.40 curr §2.1.6 to §2.1.13), checked with OpenSSL.
#include "common/crypto/digest_info.h"
#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

// CKG_MGF1_SHA256 and its like are not in every header.
constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha1 = 1;
constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha256 = 2;
constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha384 = 3;
constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha512 = 4;

struct PssCase {
  const char* hash;
  CK_MECHANISM_TYPE hashing;
  CK_RSA_PKCS_PSS_PARAMS parameters;
};
constexpr PssCase kPssCases[] = {
    {"SHA256", CKM_SHA256_RSA_PKCS_PSS, {CKM_SHA256, kMgf1Sha256, 32}},
    {"SHA384", CKM_SHA384_RSA_PKCS_PSS, {CKM_SHA384, kMgf1Sha384, 48}},
    {"SHA512", CKM_SHA512_RSA_PKCS_PSS, {CKM_SHA512, kMgf1Sha512, 64}},
};

class SignRsaTest : public SigningTest {
 protected:
  SignRsaTest() { Begin(v1::RSA_2048); }

  static CK_MECHANISM With(CK_MECHANISM_TYPE type, CK_RSA_PKCS_PSS_PARAMS& parameters) {
    return {type, &parameters, sizeof parameters};
  }
  static Bytes DigestInfoOfAbc(v1::Scheme scheme) {
    const crypto::SchemeInfo& info = *crypto::Find(scheme);
    return crypto::DigestInfo(info, DigestOfAbc(std::string(info.hash).c_str()));
  }
};

TEST_F(SignRsaTest, Pkcs1WithTheModulesHash) {
  for (const auto& [mechanism, hash] :
       {std::pair(CKM_SHA256_RSA_PKCS, "SHA256"), std::pair(CKM_SHA384_RSA_PKCS, "SHA384"),
        std::pair(CKM_SHA512_RSA_PKCS, "SHA512")}) {
    SignAndVerify({mechanism, nullptr, 0}, kAbc);
    EXPECT_EQ(signature_.size(), 256U);
    EXPECT_TRUE(OpensslVerifies(der_, hash, RsaPadding::kPkcs1, kAbc, signature_)) << hash;
  }
}

TEST_F(SignRsaTest, Pkcs1WithTheApplicationsDigestInfo) {
  for (const v1::Scheme scheme :
       {v1::RSA_PKCS1_SHA1, v1::RSA_PKCS1_SHA256, v1::RSA_PKCS1_SHA384, v1::RSA_PKCS1_SHA512}) {
    SignAndVerify({CKM_RSA_PKCS, nullptr, 0}, DigestInfoOfAbc(scheme));
    const std::string hash(crypto::Find(scheme)->hash);
    EXPECT_TRUE(OpensslVerifies(der_, hash.c_str(), RsaPadding::kPkcs1, kAbc, signature_)) << hash;
  }
}

TEST_F(SignRsaTest, WhatIsNoDigestInfoIsNotSigned) {
  const CK_MECHANISM mechanism{CKM_RSA_PKCS, nullptr, 0};
  const Bytes good = DigestInfoOfAbc(v1::RSA_PKCS1_SHA256);
  Bytes longer = good;
  longer.push_back(0);
  Bytes other_hash = good;
  other_hash[14] ^= 7U;
  for (const Bytes& data : {Bytes{}, DigestOfAbc("SHA256"), Bytes(good.begin(), good.end() - 1),
                            longer, other_hash, Bytes(128, 0xFF)}) {
    EXPECT_EQ(Sign(mechanism, data), CKR_DATA_INVALID) << data.size();
  }
  EXPECT_EQ(Sign(mechanism, Bytes(246, 1)), CKR_DATA_LEN_RANGE);
  EXPECT_EQ(a_.requests("Sign") + b_.requests("Sign"), 0U);
}

TEST_F(SignRsaTest, PssWithTheModulesHash) {
  for (const PssCase& one : kPssCases) {
    CK_RSA_PKCS_PSS_PARAMS parameters = one.parameters;
    SignAndVerify(With(one.hashing, parameters), kAbc);
    EXPECT_TRUE(OpensslVerifies(der_, one.hash, RsaPadding::kPss, kAbc, signature_)) << one.hash;
  }
}

TEST_F(SignRsaTest, PssWithTheApplicationsDigest) {
  for (const PssCase& one : kPssCases) {
    CK_RSA_PKCS_PSS_PARAMS parameters = one.parameters;
    SignAndVerify(With(CKM_RSA_PKCS_PSS, parameters), DigestOfAbc(one.hash));
    EXPECT_TRUE(OpensslVerifies(der_, one.hash, RsaPadding::kPss, kAbc, signature_)) << one.hash;
    EXPECT_EQ(Sign(With(CKM_RSA_PKCS_PSS, parameters), Bytes(20, 1)), CKR_DATA_LEN_RANGE);
  }
}

TEST_F(SignRsaTest, PssParametersThatAreNotSignedWith) {
  const std::vector<CK_RSA_PKCS_PSS_PARAMS> wrong = {
      {CKM_SHA_1, kMgf1Sha1, 20},    {CKM_SHA256, kMgf1Sha1, 32},  {CKM_SHA256, kMgf1Sha384, 32},
      {CKM_SHA256, kMgf1Sha256, 20}, {CKM_SHA256, kMgf1Sha256, 0}, {CKM_ECDSA, kMgf1Sha256, 32},
  };
  for (CK_RSA_PKCS_PSS_PARAMS parameters : wrong) {
    EXPECT_EQ(Sign(With(CKM_RSA_PKCS_PSS, parameters), Bytes(32)), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(Sign(With(CKM_SHA256_RSA_PKCS_PSS, parameters), kAbc), CKR_MECHANISM_PARAM_INVALID);
  }
  // Of another hash than the mechanism's.
  CK_RSA_PKCS_PSS_PARAMS sha384{CKM_SHA384, kMgf1Sha384, 48};
  EXPECT_EQ(Sign(With(CKM_SHA256_RSA_PKCS_PSS, sha384), kAbc), CKR_MECHANISM_PARAM_INVALID);
}

TEST_F(SignRsaTest, PssParametersOfAWrongSize) {
  CK_RSA_PKCS_PSS_PARAMS parameters{CKM_SHA256, kMgf1Sha256, 32};
  for (const CK_MECHANISM_TYPE type : {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS}) {
    EXPECT_EQ(Sign({type, nullptr, 0}, Bytes(32)), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(Sign({type, nullptr, sizeof parameters}, Bytes(32)), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(Sign({type, &parameters, sizeof parameters - 1}, Bytes(32)),
              CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(Sign({type, &parameters, sizeof parameters + 1}, Bytes(32)),
              CKR_MECHANISM_PARAM_INVALID);
  }
}

TEST_F(SignRsaTest, ASignatureOfAnotherLength) {
  ASSERT_EQ(Sign({CKM_SHA256_RSA_PKCS, nullptr, 0}, kAbc), CKR_OK);
  signature_.push_back(0);
  EXPECT_EQ(Verify({CKM_SHA256_RSA_PKCS, nullptr, 0}, kAbc), CKR_SIGNATURE_LEN_RANGE);
}

}  // namespace
}  // namespace twinseal::pkcs11
