// C_GenerateKeyPair and C_DestroyObject (PKCS#11 v2.40 §5.13, §5.7).
#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

const Bytes kP256 = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

class KeyPairTest : public SigningTest {
 protected:
  KeyPairTest() { session_ = InitializeAndOpen(); }

  CK_RV Make(CK_MECHANISM mechanism, Template& for_public, Template& for_private) {
    return module_.C_GenerateKeyPair(session_, &mechanism, for_public.data(), for_public.size(),
                                     for_private.data(), for_private.size(), &public_key_, &key_);
  }
  CK_RV MakeOnCurve(CK_MECHANISM_TYPE type, const Bytes& curve) {
    Template for_public;
    Template for_private;
    for_public.Data(CKA_EC_PARAMS, curve);
    return Make({type, nullptr, 0}, for_public, for_private);
  }
  CK_RV MakeRsa(CK_ULONG bits, const Bytes& exponent) {
    Template for_public;
    Template for_private;
    for_public.Number(CKA_MODULUS_BITS, bits).Data(CKA_PUBLIC_EXPONENT, exponent);
    return Make({CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private);
  }
  void ExpectSigns(CK_MECHANISM_TYPE type, const char* hash, RsaPadding padding) {
    der_ = app_.Attribute(session_, public_key_, CKA_PUBLIC_KEY_INFO);
    ASSERT_EQ(Sign({type, nullptr, 0}, kAbc), CKR_OK);
    EXPECT_TRUE(OpensslVerifies(der_, hash, padding, kAbc, signature_));
  }
  std::size_t Made() const { return a_.requests("CreateKey") + b_.requests("CreateKey"); }
};

TEST_F(KeyPairTest, OnEachCurve) {
  ASSERT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, kP256), CKR_OK);
  ExpectSigns(CKM_ECDSA_SHA256, "SHA256", RsaPadding::kNone);
  ASSERT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22}), CKR_OK);
  ExpectSigns(CKM_ECDSA_SHA384, "SHA384", RsaPadding::kNone);
  ASSERT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23}), CKR_OK);
  ExpectSigns(CKM_ECDSA_SHA512, "SHA512", RsaPadding::kNone);
  ASSERT_EQ(MakeOnCurve(CKM_EC_EDWARDS_KEY_PAIR_GEN, {0x06, 0x03, 0x2b, 0x65, 0x70}), CKR_OK);
  ExpectSigns(CKM_EDDSA, nullptr, RsaPadding::kNone);
  Bytes name = {0x13, 0x0c};
  for (const char letter : std::string_view("edwards25519"))
    name.push_back(static_cast<std::uint8_t>(letter));
  EXPECT_EQ(MakeOnCurve(CKM_EC_EDWARDS_KEY_PAIR_GEN, name), CKR_OK);
}

TEST_F(KeyPairTest, Rsa) {
  ASSERT_EQ(MakeRsa(2048, {1, 0, 1}), CKR_OK);
  ExpectSigns(CKM_SHA256_RSA_PKCS, "SHA256", RsaPadding::kPkcs1);
}

TEST_F(KeyPairTest, TheLabelIsTheName) {
  Template for_public;
  Template for_private;
  for_public.Data(CKA_EC_PARAMS, kP256).Text(CKA_LABEL, "of-the-public-half");
  for_private.Text(CKA_LABEL, "release-signing").Yes(CKA_SIGN).Yes(CKA_TOKEN).No(CKA_EXTRACTABLE);
  ASSERT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private), CKR_OK);
  EXPECT_EQ(PrivateKey(session_, "release-signing"), key_);
  EXPECT_EQ(PublicKey(session_, "release-signing"), public_key_);
  EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private),
            CKR_ATTRIBUTE_VALUE_INVALID);
}

TEST_F(KeyPairTest, WithoutALabelItGetsANameOfItsOwn) {
  ASSERT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, kP256), CKR_OK);
  const Bytes first = app_.Attribute(session_, key_, CKA_LABEL);
  ASSERT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, kP256), CKR_OK);
  EXPECT_NE(app_.Attribute(session_, key_, CKA_LABEL), first);
  EXPECT_TRUE(ToString(first).starts_with("pkcs11-"));
}

TEST_F(KeyPairTest, WhatIsMissingOrUnknown) {
  Template empty;
  Template other_empty;
  EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, empty, other_empty), CKR_TEMPLATE_INCOMPLETE);
  EXPECT_EQ(Make({CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0}, empty, other_empty),
            CKR_TEMPLATE_INCOMPLETE);
  EXPECT_EQ(Make({CKM_DSA_KEY_PAIR_GEN, nullptr, 0}, empty, other_empty), CKR_MECHANISM_INVALID);
  EXPECT_EQ(Make({CKM_ECDSA, nullptr, 0}, empty, other_empty), CKR_MECHANISM_INVALID);
  EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, &session_, 1}, empty, other_empty),
            CKR_MECHANISM_PARAM_INVALID);
  // secp256k1, nothing, and Ed25519 with the mechanism of the others.
  for (const Bytes& curve : {Bytes{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}, Bytes{},
                             Bytes{0x06, 0x03, 0x2b, 0x65, 0x70}}) {
    EXPECT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, curve), CKR_CURVE_NOT_SUPPORTED);
  }
  EXPECT_EQ(MakeRsa(1024, {1, 0, 1}), CKR_KEY_SIZE_RANGE);
  EXPECT_EQ(MakeRsa(2048, {3}), CKR_ATTRIBUTE_VALUE_INVALID);
  EXPECT_EQ(Made(), 0U);
}

TEST_F(KeyPairTest, KeysThatTheVaultDoesNotHold) {
  for (const CK_ATTRIBUTE_TYPE yes : {CKA_EXTRACTABLE}) {
    Template for_public;
    Template for_private;
    for_public.Data(CKA_EC_PARAMS, kP256);
    for_private.Yes(yes);
    EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private),
              CKR_TEMPLATE_INCONSISTENT);
  }
  for (const CK_ATTRIBUTE_TYPE no : {CKA_SENSITIVE, CKA_TOKEN, CKA_SIGN}) {
    Template for_public;
    Template for_private;
    for_public.Data(CKA_EC_PARAMS, kP256);
    for_private.No(no);
    EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private),
              CKR_TEMPLATE_INCONSISTENT)
        << no;
  }
  EXPECT_EQ(Made(), 0U);
}

TEST_F(KeyPairTest, ALabelThatIsNoName) {
  for (const char* const label : {"Release Signing", "twinseal key", "a/b"}) {
    Template for_public;
    Template for_private;
    for_public.Data(CKA_EC_PARAMS, kP256);
    for_private.Text(CKA_LABEL, label);
    EXPECT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private),
              CKR_ATTRIBUTE_VALUE_INVALID);
  }
  EXPECT_EQ(Made(), 0U);
}

TEST_F(KeyPairTest, ASessionThatOnlyReadsAndARoleThatMayNot) {
  session_ = app_.OpenSession(0);
  EXPECT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, kP256), CKR_SESSION_READ_ONLY);
  session_ = app_.OpenSession();
  for (test::FakeAppliance* const site : {&a_, &b_})
    site->Fail(Error(Code::kPermissionDenied, "for operators"));
  EXPECT_EQ(MakeOnCurve(CKM_EC_KEY_PAIR_GEN, kP256), CKR_ACTION_PROHIBITED);
}

// The request's id goes along, so that no second key is made.
TEST_F(KeyPairTest, OneKeyThoughBothSitesWereAsked) {
  a_.Hold();
  Template for_public;
  Template for_private;
  for_public.Data(CKA_EC_PARAMS, kP256);
  for_private.Text(CKA_LABEL, "made-once");
  ASSERT_EQ(Make({CKM_EC_KEY_PAIR_GEN, nullptr, 0}, for_public, for_private), CKR_OK);
  a_.Release();
  EXPECT_EQ(Made(), 2U);
  EXPECT_EQ(domain_.create_ids(), 1U);
  ExpectSigns(CKM_ECDSA_SHA256, "SHA256", RsaPadding::kNone);
}

TEST_F(KeyPairTest, DestroyingThePrivateHalf) {
  domain_.Make("signer", v1::EC_P256);
  key_ = PrivateKey(session_, "signer");
  EXPECT_EQ(module_.C_DestroyObject(app_.OpenSession(0), key_), CKR_SESSION_READ_ONLY);
  EXPECT_EQ(module_.C_DestroyObject(session_, PublicKey(session_, "signer")),
            CKR_ACTION_PROHIBITED);
  EXPECT_EQ(module_.C_DestroyObject(session_, key_), CKR_OK);
  EXPECT_EQ(PrivateKey(session_, "signer"), CK_INVALID_HANDLE);
  EXPECT_EQ(Sign({CKM_ECDSA_SHA256, nullptr, 0}, kAbc), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

TEST_F(KeyPairTest, DestroyingWhatIsGoneOrForbidden) {
  domain_.Make("signer", v1::EC_P256);
  key_ = PrivateKey(session_, "signer");
  for (const auto& [code, rv] : {std::pair(Code::kPermissionDenied, CKR_ACTION_PROHIBITED),
                                 std::pair(Code::kNotFound, CKR_OBJECT_HANDLE_INVALID)}) {
    for (test::FakeAppliance* const site : {&a_, &b_}) site->Fail(Error(code, "as told"));
    EXPECT_EQ(module_.C_DestroyObject(session_, key_), rv);
  }
}

}  // namespace
}  // namespace twinseal::pkcs11
