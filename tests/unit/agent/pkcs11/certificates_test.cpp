// Certificates as objects (PKCS#11 v2.40 §4.6), and C_CreateObject and C_DestroyObject of them.
#include <array>

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CertificatesTest : public ModuleTest {
 protected:
  CertificatesTest() {
    domain_.Add("web", key_);
    domain_.Make("bare", v1::EC_P256);
  }

  void Certify() { domain_.Certify("web", 1, web_, {sub_.certificate(), root_.certificate()}); }

  std::size_t Asked(const std::string& procedure) const {
    return a_.requests(procedure) + b_.requests(procedure);
  }
  std::vector<CK_OBJECT_HANDLE> Find(CK_OBJECT_CLASS kind, const std::string& label) {
    Template wanted;
    wanted.Number(CKA_CLASS, kind).Text(CKA_LABEL, label);
    return app_.FindAll(session_, wanted);
  }
  Bytes Attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    return app_.Attribute(session_, object, type);
  }
  CK_RV Create(Template& wanted, CK_SESSION_HANDLE session) {
    return module_.C_CreateObject(session, wanted.data(), wanted.size(), &made_);
  }
  // What applications write.
  static Template& Fill(Template& wanted, const Bytes& der) {
    return wanted.Number(CKA_CLASS, CKO_CERTIFICATE)
        .Number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .Yes(CKA_TOKEN)
        .Data(CKA_VALUE, der);
  }

  const crypto::SoftwareKey key_ = test::MakeSoftwareKey(v1::EC_P256);
  const test::TestCa root_{"Root"};
  const test::TestCa sub_{root_, "Issuing"};
  const crypto::Certificate web_ = sub_.Certify(key_.public_key(), "www.example.com");
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE made_ = CK_INVALID_HANDLE;
};

TEST_F(CertificatesTest, AKeysCertificateAndItsIssuersAreFoundByLabel) {
  Certify();
  session_ = InitializeAndOpen();
  const auto found = Find(CKO_CERTIFICATE, "web");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(Asked("GetKey") + Asked("ListKeys"), 0U);
  EXPECT_EQ(Asked("ListCertificates"), 1U);
  const CK_OBJECT_HANDLE own = found.front();
  EXPECT_EQ(Attribute(own, CKA_VALUE), web_.der());
  EXPECT_EQ(Attribute(own, CKA_ID), Attribute(PrivateKey(session_, "web"), CKA_ID));
  EXPECT_EQ(Attribute(own, CKA_PUBLIC_KEY_INFO), key_.public_key().der());
  EXPECT_EQ(Attribute(own, CKA_CHECK_VALUE).size(), 3U);
  EXPECT_EQ(Attribute(own, CKA_END_DATE).size(), 8U);
  EXPECT_EQ(Attribute(own, CKA_TRUSTED), Bytes{CK_FALSE});
  EXPECT_EQ(Attribute(own, CKA_PRIVATE), Bytes{CK_FALSE});

  const auto sub = Find(CKO_CERTIFICATE, "web issuer 1");
  const auto root = Find(CKO_CERTIFICATE, "web issuer 2");
  ASSERT_EQ(sub.size() + root.size(), 2U);
  EXPECT_EQ(Attribute(sub.front(), CKA_VALUE), sub_.certificate().der());
  EXPECT_EQ(Attribute(root.front(), CKA_VALUE), root_.certificate().der());
  EXPECT_EQ(Attribute(own, CKA_ISSUER), Attribute(sub.front(), CKA_SUBJECT));
  EXPECT_EQ(Attribute(sub.front(), CKA_ISSUER), Attribute(root.front(), CKA_SUBJECT));
  EXPECT_NE(Attribute(sub.front(), CKA_SERIAL_NUMBER), Attribute(own, CKA_SERIAL_NUMBER));
  EXPECT_THAT(Attribute(sub.front(), CKA_ID), IsEmpty());
  EXPECT_THAT(Find(CKO_CERTIFICATE, "web issuer 3"), IsEmpty());
  EXPECT_THAT(Find(CKO_CERTIFICATE, "bare"), IsEmpty());
  EXPECT_THAT(Find(CKO_CERTIFICATE, "absent"), IsEmpty());
}

TEST_F(CertificatesTest, WhatIsTheKeysIsFoundTogether) {
  Certify();
  session_ = InitializeAndOpen();
  Template by_label;
  by_label.Text(CKA_LABEL, "web");
  EXPECT_EQ(app_.FindAll(session_, by_label).size(), 3U);
  Template by_id;
  by_id.Data(CKA_ID, Attribute(PublicKey(session_, "web"), CKA_ID));
  EXPECT_EQ(app_.FindAll(session_, by_id).size(), 3U);
  Template all;
  EXPECT_EQ(app_.FindAll(session_, all).size(), 7U);
}

TEST_F(CertificatesTest, AreFoundByWhatIsInThem) {
  Certify();
  session_ = InitializeAndOpen();
  const auto issuer = Find(CKO_CERTIFICATE, "web issuer 1");
  ASSERT_EQ(issuer.size(), 1U);
  Template issued;
  issued.Number(CKA_CLASS, CKO_CERTIFICATE)
      .Data(CKA_ISSUER, Attribute(issuer.front(), CKA_SUBJECT));
  EXPECT_EQ(app_.FindAll(session_, issued).size(), 1U);
  Template by_value;
  by_value.Data(CKA_VALUE, web_.der());
  EXPECT_EQ(app_.FindAll(session_, by_value).size(), 1U);
}

TEST_F(CertificatesTest, AllComePageByPage) {
  for (const char* const name : {"one", "two", "three"}) {
    domain_.Make(name, v1::EC_P256);
    domain_.Certify(name, 1, web_);
  }
  session_ = InitializeAndOpen();
  Template all;
  all.Number(CKA_CLASS, CKO_CERTIFICATE);
  EXPECT_EQ(app_.FindAll(session_, all).size(), 3U);
  EXPECT_EQ(Asked("ListCertificates"), 5U);
  EXPECT_EQ(Asked("ListKeys"), 0U);
}

// Applications take any one of several with the same id or label.
TEST_F(CertificatesTest, TheNewestOfEachVersionIsShown) {
  Certify();
  const crypto::Certificate renewed = sub_.Certify(key_.public_key(), "renewed");
  domain_.Certify("web", 1, renewed, {sub_.certificate()});
  session_ = InitializeAndOpen();
  const auto shown = Find(CKO_CERTIFICATE, "web");
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(Attribute(shown.front(), CKA_VALUE), renewed.der());
  EXPECT_EQ(Find(CKO_CERTIFICATE, "web issuer 1").size(), 1U);
  EXPECT_THAT(Find(CKO_CERTIFICATE, "web issuer 2"), IsEmpty());
  ASSERT_EQ(module_.C_DestroyObject(session_, shown.front()), CKR_OK);
  const auto older = Find(CKO_CERTIFICATE, "web");
  ASSERT_EQ(older.size(), 1U);
  EXPECT_EQ(Attribute(older.front(), CKA_VALUE), web_.der());
}

TEST_F(CertificatesTest, BelongToAVersion) {
  Certify();
  domain_.Rotate("web");
  domain_.Certify("web", 2, sub_.Certify(key_.public_key(), "of version 2"));
  session_ = InitializeAndOpen();
  Template current;
  current.Number(CKA_CLASS, CKO_CERTIFICATE)
      .Data(CKA_ID, Attribute(PrivateKey(session_, "web"), CKA_ID));
  const auto newest = app_.FindAll(session_, current);
  EXPECT_EQ(newest.size(), 1U);
  EXPECT_EQ(Find(CKO_CERTIFICATE, "web"), newest);
  const auto first = Find(CKO_CERTIFICATE, "web version 1");
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(Attribute(first.front(), CKA_VALUE), web_.der());
  EXPECT_EQ(Find(CKO_CERTIFICATE, "web version 1 issuer 2").size(), 1U);
}

TEST_F(CertificatesTest, WhatWasFoundIsToldBeforeAnError) {
  Certify();
  session_ = InitializeAndOpen();
  Template by_label;
  by_label.Text(CKA_LABEL, "web");
  ASSERT_EQ(module_.C_FindObjectsInit(session_, by_label.data(), by_label.size()), CKR_OK);
  std::array<CK_OBJECT_HANDLE, 2> keys{};
  CK_ULONG count = 0;
  const auto fail = [&] {
    for (test::FakeAppliance* const site : {&a_, &b_})
      site->Fail(Error(Code::kInternal, "something is broken"));
  };
  fail();
  EXPECT_EQ(module_.C_FindObjects(session_, keys.data(), 1, &count), CKR_DEVICE_ERROR);
  for (test::FakeAppliance* const site : {&a_, &b_}) site->Serve();
  ASSERT_EQ(module_.C_FindObjects(session_, keys.data(), 1, &count), CKR_OK);
  ASSERT_EQ(count, 1U) << "the private key";
  fail();
  EXPECT_EQ(module_.C_FindObjects(session_, keys.data(), keys.size(), &count), CKR_OK);
  EXPECT_EQ(count, 1U) << "the public key";
  EXPECT_EQ(module_.C_FindObjects(session_, keys.data(), keys.size(), &count), CKR_DEVICE_ERROR);
  for (test::FakeAppliance* const site : {&a_, &b_}) site->Serve();
  EXPECT_EQ(module_.C_FindObjects(session_, keys.data(), keys.size(), &count), CKR_OK);
  EXPECT_EQ(count, 1U) << "the certificate";
}

TEST_F(CertificatesTest, NothingIsShownBeforeTheLogin) {
  Certify();
  Configure("", true);
  session_ = InitializeAndOpen();
  EXPECT_THAT(Find(CKO_CERTIFICATE, "web"), IsEmpty());
  EXPECT_EQ(app_.Login(session_, test::kPin), CKR_OK);
  EXPECT_EQ(Find(CKO_CERTIFICATE, "web").size(), 1U);
}

TEST_F(CertificatesTest, AnApplianceWithoutAnInventoryHasNone) {
  session_ = InitializeAndOpen();
  for (test::FakeAppliance* const site : {&a_, &b_})
    site->Fail(Error(Code::kUnimplemented, "there is no such procedure"));
  Template all;
  all.Number(CKA_CLASS, CKO_CERTIFICATE);
  ASSERT_EQ(module_.C_FindObjectsInit(session_, all.data(), all.size()), CKR_OK);
  CK_ULONG count = 1;
  EXPECT_EQ(module_.C_FindObjects(session_, &made_, 1, &count), CKR_OK);
  EXPECT_EQ(count, 0U);
}

TEST_F(CertificatesTest, AreNoKeys) {
  Certify();
  session_ = InitializeAndOpen();
  const CK_OBJECT_HANDLE own = Find(CKO_CERTIFICATE, "web").at(0);
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  EXPECT_EQ(module_.C_SignInit(session_, &mechanism, own), CKR_KEY_HANDLE_INVALID);
  EXPECT_EQ(module_.C_VerifyInit(session_, &mechanism, own), CKR_KEY_HANDLE_INVALID);
  CK_ATTRIBUTE sensitive{CKA_PRIVATE_EXPONENT, nullptr, 0};
  EXPECT_EQ(module_.C_GetAttributeValue(session_, own, &sensitive, 1), CKR_ATTRIBUTE_TYPE_INVALID);
  Template label;
  label.Text(CKA_LABEL, "other");
  EXPECT_EQ(module_.C_SetAttributeValue(session_, own, label.data(), 1), CKR_ACTION_PROHIBITED);
}

TEST_F(CertificatesTest, OneIsWrittenAndRemoved) {
  session_ = InitializeAndOpen();
  Template wanted;
  Fill(wanted, web_.der()).Text(CKA_LABEL, "web");
  ASSERT_EQ(Create(wanted, session_), CKR_OK);
  EXPECT_THAT(Find(CKO_CERTIFICATE, "web"), ElementsAre(made_));
  EXPECT_EQ(Attribute(made_, CKA_VALUE), web_.der());
  ASSERT_EQ(module_.C_DestroyObject(session_, made_), CKR_OK);
  EXPECT_THAT(Find(CKO_CERTIFICATE, "web"), IsEmpty());
  CK_ATTRIBUTE value{CKA_VALUE, nullptr, 0};
  EXPECT_EQ(module_.C_GetAttributeValue(session_, made_, &value, 1), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(module_.C_DestroyObject(session_, made_), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_NE(PrivateKey(session_, "web"), CK_INVALID_HANDLE);
}

// Applications that give a certificate an id of their own making give it the key's label, too.
TEST_F(CertificatesTest, TheKeyIsNamedByItsIdOrByTheLabel) {
  session_ = InitializeAndOpen();
  const Bytes id = Attribute(PrivateKey(session_, "web"), CKA_ID);
  Template by_id;
  Fill(by_id, web_.der()).Data(CKA_ID, id).Text(CKA_LABEL, "My certificate");
  EXPECT_EQ(Create(by_id, session_), CKR_OK);
  EXPECT_EQ(Attribute(made_, CKA_LABEL), ToBytes("web"));
  for (const Bytes& strange : {Bytes(20, 7), Bytes{1, 2, 3}}) {
    Template by_label;
    Fill(by_label, web_.der()).Data(CKA_ID, strange).Text(CKA_LABEL, "web");
    EXPECT_EQ(Create(by_label, session_), CKR_OK);
    EXPECT_EQ(Attribute(made_, CKA_ID), id);
  }
}

TEST_F(CertificatesTest, WhatIsNoCertificateOfTheKeyIsRefused) {
  session_ = InitializeAndOpen();
  const auto refused = [&](CK_RV rv, const auto& fill) {
    Template wanted;
    fill(wanted);
    EXPECT_EQ(Create(wanted, session_), rv);
  };
  const Bytes der = web_.der();
  refused(CKR_TEMPLATE_INCOMPLETE, [&](Template& one) { one.Text(CKA_LABEL, "web"); });
  refused(CKR_TEMPLATE_INCOMPLETE, [&](Template& one) { Fill(one, der); });
  refused(CKR_TEMPLATE_INCOMPLETE,
          [&](Template& one) { one.Number(CKA_CLASS, CKO_CERTIFICATE).Text(CKA_LABEL, "web"); });
  refused(CKR_FUNCTION_NOT_SUPPORTED,
          [&](Template& one) { one.Number(CKA_CLASS, CKO_DATA).Text(CKA_LABEL, "web"); });
  refused(CKR_FUNCTION_NOT_SUPPORTED,
          [&](Template& one) { one.Number(CKA_CLASS, CKO_PUBLIC_KEY).Text(CKA_LABEL, "web"); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [&](Template& one) {
    one.Number(CKA_CLASS, CKO_CERTIFICATE)
        .Number(CKA_CERTIFICATE_TYPE, CKC_WTLS)
        .Data(CKA_VALUE, der)
        .Text(CKA_LABEL, "web");
  });
  refused(CKR_TEMPLATE_INCONSISTENT, [&](Template& one) {
    one.Number(CKA_CLASS, CKO_CERTIFICATE)
        .Number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .No(CKA_TOKEN)
        .Data(CKA_VALUE, der)
        .Text(CKA_LABEL, "web");
  });
  refused(CKR_TEMPLATE_INCONSISTENT, [&](Template& one) {
    one.Number(CKA_CLASS, CKO_CERTIFICATE)
        .Number(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .Data(CKA_VALUE, der)
        .Text(CKA_LABEL, "web");
  });
  refused(CKR_TEMPLATE_INCONSISTENT,
          [&](Template& one) { Fill(one, der).Text(CKA_LABEL, "web").Yes(CKA_TRUSTED); });
  refused(CKR_TEMPLATE_INCONSISTENT, [&](Template& one) {
    Fill(one, der).Text(CKA_LABEL, "web").Data(CKA_SUBJECT, {0x30, 0x00});
  });
  refused(CKR_ATTRIBUTE_VALUE_INVALID,
          [&](Template& one) { Fill(one, der).Text(CKA_LABEL, "No key's name"); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID,
          [&](Template& one) { Fill(one, der).Text(CKA_LABEL, "absent"); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID,
          [&](Template& one) { Fill(one, der).Text(CKA_LABEL, "bare"); });
  refused(CKR_ATTRIBUTE_VALUE_INVALID, [&](Template& one) {
    Fill(one, {1, 2, 3}).Text(CKA_LABEL, "web");
  });
  Template all;
  all.Number(CKA_CLASS, CKO_CERTIFICATE);
  EXPECT_THAT(app_.FindAll(session_, all), IsEmpty());
}

TEST_F(CertificatesTest, OnlyAWritableSessionAndAClientThatMayChangeThem) {
  Certify();
  session_ = InitializeAndOpen();
  const CK_SESSION_HANDLE reader = app_.OpenSession(0);
  Template wanted;
  Fill(wanted, web_.der()).Text(CKA_LABEL, "web");
  EXPECT_EQ(Create(wanted, reader), CKR_SESSION_READ_ONLY);
  const CK_OBJECT_HANDLE own = Find(CKO_CERTIFICATE, "web").at(0);
  EXPECT_EQ(module_.C_DestroyObject(reader, own), CKR_SESSION_READ_ONLY);
  EXPECT_EQ(module_.C_DestroyObject(session_, Find(CKO_CERTIFICATE, "web issuer 1").at(0)),
            CKR_ACTION_PROHIBITED);
  for (test::FakeAppliance* const site : {&a_, &b_})
    site->Fail(Error(Code::kPermissionDenied, "operators do that"));
  EXPECT_EQ(Create(wanted, session_), CKR_ACTION_PROHIBITED);
  EXPECT_EQ(module_.C_DestroyObject(session_, own), CKR_ACTION_PROHIBITED);
}

}  // namespace
}  // namespace twinseal::pkcs11
