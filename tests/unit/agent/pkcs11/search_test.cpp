// C_FindObjects (PKCS#11 v2.40 §5.7): what is found, and what the appliances are asked for it.
#include <array>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class SearchTest : public ModuleTest {
 protected:
  std::size_t Count(Template& wanted) { return app_.FindAll(session_, wanted).size(); }
  std::size_t Asked(const std::string& procedure) const {
    return a_.requests(procedure) + b_.requests(procedure);
  }
  void AddMany(int count) {
    const crypto::SoftwareKey key = test::MakeSoftwareKey(v1::EC_P256);
    for (int i = 0; i < count; ++i) domain_.Add("key-" + std::to_string(i), key);
  }

  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
};

TEST_F(SearchTest, ByLabelOneKeyIsAskedForAmongMany) {
  AddMany(1200);
  session_ = InitializeAndOpen();
  Template by_label;
  by_label.Text(CKA_LABEL, "key-700");
  EXPECT_EQ(Count(by_label), 2U);
  EXPECT_EQ(Asked("GetKey"), 1U);
  EXPECT_EQ(Asked("ListKeys"), 0U);
}

TEST_F(SearchTest, ByIdAsWell) {
  AddMany(3);
  session_ = InitializeAndOpen();
  const Bytes id = app_.Attribute(session_, PublicKey(session_, "key-1"), CKA_ID);
  const std::size_t before = Asked("GetKey");
  Template by_id;
  by_id.Data(CKA_ID, id).Number(CKA_CLASS, CKO_PRIVATE_KEY).Yes(CKA_SIGN);
  EXPECT_EQ(Count(by_id), 1U);
  EXPECT_EQ(Asked("GetKey"), before + 1);
  EXPECT_EQ(Asked("ListKeys"), 0U);
}

TEST_F(SearchTest, WhatCannotBeAKeysIdOrNameIsNotAskedFor) {
  AddMany(1);
  session_ = InitializeAndOpen();
  for (const Bytes& id : {Bytes{}, Bytes{1, 2, 3}, Bytes(21, 1)}) {
    Template by_id;
    by_id.Data(CKA_ID, id);
    EXPECT_EQ(Count(by_id), 0U);
  }
  for (const char* const label : {"", "No key's name", "twinseal key", "a/b"}) {
    Template by_label;
    by_label.Text(CKA_LABEL, label);
    EXPECT_EQ(Count(by_label), 0U) << label;
  }
  Template data;
  data.Number(CKA_CLASS, CKO_DATA);
  EXPECT_EQ(Count(data), 0U);
  EXPECT_EQ(a_.requests() + b_.requests(), 0U);
}

TEST_F(SearchTest, AllKeysComeByPages) {
  AddMany(1200);
  session_ = InitializeAndOpen();
  Template all;
  EXPECT_EQ(Count(all), 2400U);
  EXPECT_EQ(Asked("ListKeys"), 3U);
  EXPECT_EQ(Asked("GetKey"), 0U);
  Template private_keys;
  private_keys.Number(CKA_CLASS, CKO_PRIVATE_KEY).Number(CKA_KEY_TYPE, CKK_EC).Yes(CKA_TOKEN);
  EXPECT_EQ(Count(private_keys), 1200U);
  EXPECT_EQ(Asked("GetKey"), 0U);
}

// What applications like to ask for is known without a look at each key.
TEST_F(SearchTest, UsesAreKnownFromTheListing) {
  AddMany(20);
  session_ = InitializeAndOpen();
  Template signers;
  signers.Number(CKA_CLASS, CKO_PRIVATE_KEY).Yes(CKA_SIGN).No(CKA_PRIVATE).No(CKA_EXTRACTABLE);
  EXPECT_EQ(Count(signers), 20U);
  Template session_objects;
  session_objects.No(CKA_TOKEN);
  EXPECT_EQ(Count(session_objects), 0U);
  EXPECT_EQ(Asked("GetKey"), 0U);
}

TEST_F(SearchTest, APageIsAskedForWhenItIsNeeded) {
  AddMany(1200);
  session_ = InitializeAndOpen();
  ASSERT_EQ(module_.C_FindObjectsInit(session_, nullptr, 0), CKR_OK);
  EXPECT_EQ(Asked("ListKeys"), 0U);
  std::array<CK_OBJECT_HANDLE, 10> some{};
  CK_ULONG count = 0;
  ASSERT_EQ(module_.C_FindObjects(session_, some.data(), some.size(), &count), CKR_OK);
  EXPECT_EQ(count, 10U);
  EXPECT_EQ(Asked("ListKeys"), 1U);
  EXPECT_EQ(module_.C_FindObjectsFinal(session_), CKR_OK);
}

TEST_F(SearchTest, ByWhatOnlyTheKeyItselfTells) {
  domain_.Make("one", v1::EC_P256);
  domain_.Make("two", v1::EC_P256);
  session_ = InitializeAndOpen();
  const Bytes point = app_.Attribute(session_, PublicKey(session_, "two"), CKA_EC_POINT);
  Template by_point;
  by_point.Number(CKA_CLASS, CKO_PUBLIC_KEY).Data(CKA_EC_POINT, point);
  const auto found = app_.FindAll(session_, by_point);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(app_.Attribute(session_, found.front(), CKA_LABEL), ToBytes("two"));
  Template by_unknown;
  by_unknown.Number(CKA_CERTIFICATE_TYPE, CKC_X_509);
  EXPECT_EQ(Count(by_unknown), 0U);
}

TEST_F(SearchTest, EachVersionHasAnIdAndTheCurrentOneAPrivateKey) {
  domain_.Make("signer", v1::EC_P256);
  domain_.Rotate("signer");
  domain_.Rotate("signer");
  session_ = InitializeAndOpen();
  Template both;
  both.Text(CKA_LABEL, "signer");
  EXPECT_EQ(Count(both), 4U);
  const CK_OBJECT_HANDLE current = PrivateKey(session_, "signer");
  Bytes id = app_.Attribute(session_, current, CKA_ID);
  EXPECT_EQ(id.back(), 3);
  id.back() = 1;
  Template first_version;
  first_version.Data(CKA_ID, id);
  const auto found = app_.FindAll(session_, first_version);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(app_.Attribute(session_, found.front(), CKA_EC_POINT),
            app_.Attribute(session_, current, CKA_EC_POINT));
  id.back() = 4;
  Template next_version;
  next_version.Data(CKA_ID, id);
  EXPECT_EQ(Count(next_version), 0U);
}

TEST_F(SearchTest, KeysThatAreGoneOrTheAppliancesOwnAreNotShown) {
  for (const char* const name : {"enabled", "disabled", "pending", "destroyed", "twinseal.own"})
    domain_.Make(name, v1::EC_P256);
  domain_.SetState("disabled", v1::DISABLED);
  domain_.SetState("pending", v1::PENDING_DESTRUCTION);
  domain_.SetState("destroyed", v1::DESTROYED);
  session_ = InitializeAndOpen();
  Template all;
  EXPECT_EQ(Count(all), 4U);
  EXPECT_EQ(PrivateKey(session_, "pending"), CK_INVALID_HANDLE);
  EXPECT_EQ(PrivateKey(session_, "twinseal.own"), CK_INVALID_HANDLE);
  EXPECT_NE(PrivateKey(session_, "disabled"), CK_INVALID_HANDLE);
}

// Between the listing and the look at a key, it may go; the others are found all the same.
TEST_F(SearchTest, AKeyThatGoesMeanwhileIsPassedOver) {
  domain_.Make("going", v1::EC_P256);
  domain_.Make("staying", v1::EC_P256);
  domain_.Veil("going");
  session_ = InitializeAndOpen();
  Template with_point;
  with_point.Data(CKA_EC_PARAMS, {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07});
  EXPECT_EQ(Count(with_point), 2U);
}

TEST_F(SearchTest, WhatIsNotForThisClientIsNotFound) {
  domain_.Make("signer", v1::EC_P256);
  session_ = InitializeAndOpen();
  for (test::FakeAppliance* const site : {&a_, &b_})
    site->Fail(Error(Code::kPermissionDenied, "no key of yours"));
  EXPECT_EQ(PrivateKey(session_, "signer"), CK_INVALID_HANDLE);
  Template by_label;
  by_label.Text(CKA_LABEL, "signer");
  ASSERT_EQ(module_.C_FindObjectsInit(session_, by_label.data(), by_label.size()), CKR_OK);
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 1;
  EXPECT_EQ(module_.C_FindObjects(session_, &found, 1, &count), CKR_OK);
  EXPECT_EQ(count, 0U);
}

TEST_F(SearchTest, ATemplateThatContradictsItself) {
  session_ = InitializeAndOpen();
  Template twice;
  twice.Text(CKA_LABEL, "one").Text(CKA_LABEL, "two");
  EXPECT_EQ(module_.C_FindObjectsInit(session_, twice.data(), twice.size()),
            CKR_TEMPLATE_INCONSISTENT);
  EXPECT_EQ(module_.C_FindObjectsFinal(session_), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(SearchTest, OneSearchAtATime) {
  session_ = InitializeAndOpen();
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 0;
  EXPECT_EQ(module_.C_FindObjects(session_, &found, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
  EXPECT_EQ(module_.C_FindObjectsFinal(session_), CKR_OPERATION_NOT_INITIALIZED);
  ASSERT_EQ(module_.C_FindObjectsInit(session_, nullptr, 0), CKR_OK);
  EXPECT_EQ(module_.C_FindObjectsInit(session_, nullptr, 0), CKR_OPERATION_ACTIVE);
  EXPECT_EQ(module_.C_FindObjects(session_, &found, 1, &count), CKR_OK);
  EXPECT_EQ(count, 0U);
}

// The same object, the same handle: in any session, after any search.
TEST_F(SearchTest, HandlesLast) {
  domain_.Make("signer", v1::EC_P256);
  session_ = InitializeAndOpen();
  const CK_OBJECT_HANDLE before = PrivateKey(session_, "signer");
  const CK_SESSION_HANDLE other = app_.OpenSession(0);
  EXPECT_EQ(PrivateKey(other, "signer"), before);
  a_.Kill();
  EXPECT_EQ(PrivateKey(other, "signer"), before);
}

}  // namespace
}  // namespace twinseal::pkcs11
