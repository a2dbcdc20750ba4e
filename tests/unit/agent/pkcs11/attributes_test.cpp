// C_GetAttributeValue (PKCS#11 v2.40 §5.7) of both halves of a key.
#include <array>
#include <cstring>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class AttributesTest : public ModuleTest {
 protected:
  Bytes Of(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    return app_.Attribute(session_, object, type);
  }
  CK_ULONG NumberOf(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    const Bytes value = Of(object, type);
    CK_ULONG number = CK_UNAVAILABLE_INFORMATION;
    EXPECT_EQ(value.size(), sizeof number) << type;
    if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
    return number;
  }
  // What C_GetAttributeValue answers for one attribute, and the length that it gives.
  std::pair<CK_RV, CK_ULONG> Ask(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE wanted{type, nullptr, 0};
    const CK_RV rv = module_.C_GetAttributeValue(session_, object, &wanted, 1);
    return {rv, wanted.ulValueLen};
  }
  void ExpectTruths(CK_OBJECT_HANDLE object, const std::vector<CK_ATTRIBUTE_TYPE>& types,
                    CK_BBOOL truth) {
    for (const CK_ATTRIBUTE_TYPE type : types) EXPECT_EQ(Of(object, type), Bytes{truth}) << type;
  }
  void Begin(v1::Algorithm algorithm) {
    domain_.Make("signer", algorithm);
    session_ = InitializeAndOpen();
    private_ = PrivateKey(session_, "signer");
    public_ = PublicKey(session_, "signer");
    ASSERT_NE(private_, CK_INVALID_HANDLE);
    ASSERT_NE(public_, CK_INVALID_HANDLE);
  }

  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE public_ = CK_INVALID_HANDLE;
};

TEST_F(AttributesTest, WhatBothHalvesHave) {
  Begin(v1::EC_P256);
  for (const CK_OBJECT_HANDLE half : {private_, public_}) {
    EXPECT_EQ(Of(half, CKA_LABEL), ToBytes("signer"));
    EXPECT_EQ(NumberOf(half, CKA_KEY_TYPE), CKK_EC);
    EXPECT_EQ(NumberOf(half, CKA_KEY_GEN_MECHANISM), CKM_EC_KEY_PAIR_GEN);
    ExpectTruths(half, {CKA_TOKEN, CKA_LOCAL}, CK_TRUE);
    ExpectTruths(half, {CKA_PRIVATE, CKA_DERIVE, CKA_MODIFIABLE, CKA_COPYABLE}, CK_FALSE);
    EXPECT_EQ(Ask(half, CKA_SUBJECT), std::pair(CK_RV{CKR_OK}, CK_ULONG{0}));
  }
  EXPECT_EQ(NumberOf(private_, CKA_CLASS), CKO_PRIVATE_KEY);
  EXPECT_EQ(NumberOf(public_, CKA_CLASS), CKO_PUBLIC_KEY);
  EXPECT_EQ(Of(private_, CKA_ID), Of(public_, CKA_ID));
  EXPECT_EQ(Of(private_, CKA_ID).size(), 20U);
  EXPECT_NE(Of(private_, CKA_UNIQUE_ID), Of(public_, CKA_UNIQUE_ID));
}

TEST_F(AttributesTest, WhatEachHalfMayDo) {
  Begin(v1::EC_P256);
  ExpectTruths(
      private_,
      {CKA_SIGN, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_DESTROYABLE},
      CK_TRUE);
  ExpectTruths(private_,
               {CKA_DECRYPT, CKA_SIGN_RECOVER, CKA_UNWRAP, CKA_EXTRACTABLE, CKA_ALWAYS_AUTHENTICATE,
                CKA_WRAP_WITH_TRUSTED},
               CK_FALSE);
  ExpectTruths(public_, {CKA_VERIFY}, CK_TRUE);
  ExpectTruths(public_, {CKA_ENCRYPT, CKA_VERIFY_RECOVER, CKA_WRAP, CKA_TRUSTED}, CK_FALSE);
}

TEST_F(AttributesTest, APrivateKeyBehindAPinIsPrivate) {
  Configure("", true);
  domain_.Make("signer", v1::EC_P256);
  session_ = InitializeAndOpen();
  ASSERT_EQ(app_.Login(session_, test::kPin), CKR_OK);
  EXPECT_EQ(Of(PrivateKey(session_, "signer"), CKA_PRIVATE), Bytes{CK_TRUE});
  EXPECT_EQ(Of(PublicKey(session_, "signer"), CKA_PRIVATE), Bytes{CK_FALSE});
}

TEST_F(AttributesTest, TheCurveAndThePoint) {
  Begin(v1::EC_P384);
  const Bytes p384 = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
  EXPECT_EQ(Of(public_, CKA_EC_PARAMS), p384);
  EXPECT_EQ(Of(private_, CKA_EC_PARAMS), p384);
  const Bytes point = Of(public_, CKA_EC_POINT);
  ASSERT_EQ(point.size(), 2U + 97U);
  EXPECT_EQ(Bytes(point.begin(), point.begin() + 3), (Bytes{0x04, 97, 0x04}));
  // The point ends the SubjectPublicKeyInfo.
  const Bytes info = Of(public_, CKA_PUBLIC_KEY_INFO);
  EXPECT_TRUE(std::equal(point.begin() + 2, point.end(), info.end() - 97));
}

TEST_F(AttributesTest, TheModulusAndTheExponent) {
  Begin(v1::RSA_2048);
  EXPECT_EQ(NumberOf(public_, CKA_KEY_TYPE), CKK_RSA);
  EXPECT_EQ(NumberOf(public_, CKA_MODULUS_BITS), 2048U);
  EXPECT_EQ(Of(public_, CKA_PUBLIC_EXPONENT), (Bytes{1, 0, 1}));
  EXPECT_EQ(Of(public_, CKA_MODULUS).size(), 256U);
  EXPECT_EQ(Of(private_, CKA_MODULUS), Of(public_, CKA_MODULUS));
  EXPECT_EQ(Ask(private_, CKA_MODULUS_BITS).first, CKR_ATTRIBUTE_TYPE_INVALID);
}

TEST_F(AttributesTest, AnEdwardsKey) {
  Begin(v1::ED25519);
  EXPECT_EQ(NumberOf(public_, CKA_KEY_TYPE), CKK_EC_EDWARDS);
  EXPECT_EQ(Of(public_, CKA_EC_PARAMS), (Bytes{0x06, 0x03, 0x2b, 0x65, 0x70}));
  EXPECT_EQ(Of(public_, CKA_EC_POINT).size(), 34U);
}

TEST_F(AttributesTest, WhatIsSecretIsCalledSensitive) {
  Begin(v1::RSA_2048);
  for (const CK_ATTRIBUTE_TYPE type : {CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2,
                                       CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT}) {
    EXPECT_EQ(Ask(private_, type),
              std::pair(CK_RV{CKR_ATTRIBUTE_SENSITIVE}, CK_ULONG{CK_UNAVAILABLE_INFORMATION}));
    EXPECT_EQ(Ask(public_, type).first, CKR_ATTRIBUTE_TYPE_INVALID);
  }
}

// §5.7: a template is worked off to its end, whatever is wrong with some of it.
TEST_F(AttributesTest, ATemplateIsFilledInAsFarAsItGoes) {
  Begin(v1::EC_P256);
  std::array<CK_BYTE, 3> small{7, 7, 7};
  std::array<CK_BYTE, 64> label{};
  CK_BBOOL sign = CK_FALSE;
  std::array<CK_ATTRIBUTE, 5> wanted = {CK_ATTRIBUTE{CKA_VALUE, label.data(), label.size()},
                                        {CKA_LABEL, label.data(), label.size()},
                                        {CKA_ID, small.data(), small.size()},
                                        {CKA_CERTIFICATE_TYPE, nullptr, 0},
                                        {CKA_SIGN, &sign, sizeof sign}};
  const CK_RV rv = module_.C_GetAttributeValue(session_, private_, wanted.data(), wanted.size());
  EXPECT_THAT(rv, testing::AnyOf(CKR_ATTRIBUTE_SENSITIVE, CKR_BUFFER_TOO_SMALL,
                                 CKR_ATTRIBUTE_TYPE_INVALID));
  for (const std::size_t refused : {0, 2, 3})
    EXPECT_EQ(wanted.at(refused).ulValueLen, CK_UNAVAILABLE_INFORMATION) << refused;
  EXPECT_EQ(wanted[1].ulValueLen, 6U);
  EXPECT_EQ(std::memcmp(label.data(), "signer", 6), 0);
  EXPECT_EQ(sign, CK_TRUE);
  EXPECT_EQ(small, (std::array<CK_BYTE, 3>{7, 7, 7}));
}

TEST_F(AttributesTest, NoSuchObject) {
  Begin(v1::EC_P256);
  for (const CK_OBJECT_HANDLE wrong : {CK_OBJECT_HANDLE{CK_INVALID_HANDLE}, public_ + private_,
                                       CK_OBJECT_HANDLE{CK_UNAVAILABLE_INFORMATION}}) {
    EXPECT_EQ(Ask(wrong, CKA_LABEL).first, CKR_OBJECT_HANDLE_INVALID);
    CK_ATTRIBUTE label{CKA_LABEL, nullptr, 0};
    EXPECT_EQ(module_.C_SetAttributeValue(session_, wrong, &label, 1), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_EQ(module_.C_DestroyObject(session_, wrong), CKR_OBJECT_HANDLE_INVALID);
  }
}

TEST_F(AttributesTest, NothingIsChangedHere) {
  Begin(v1::EC_P256);
  Template changed;
  changed.Text(CKA_LABEL, "other");
  EXPECT_EQ(module_.C_SetAttributeValue(session_, private_, changed.data(), 1),
            CKR_ACTION_PROHIBITED);
  EXPECT_EQ(Of(private_, CKA_LABEL), ToBytes("signer"));
}

TEST_F(AttributesTest, WhatIsKnownIsNotAskedForAgain) {
  Begin(v1::EC_P256);
  Of(private_, CKA_LABEL);
  const std::size_t before = a_.requests() + b_.requests();
  Of(private_, CKA_EC_POINT);
  Of(public_, CKA_PUBLIC_KEY_INFO);
  EXPECT_EQ(a_.requests() + b_.requests(), before);
}

}  // namespace
}  // namespace twinseal::pkcs11
