#include "firmware/core/setup/appliance_keys.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/public_key.h"
#include "firmware/core/keys/token_objects.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/pin.h"
#include "tests/support/token_fixture.h"

namespace twinseal::core {
namespace {

using testing::HasSubstr;

class ApplianceKeysTest : public testing::TestWithParam<test::TokenKind> {
 protected:
  hsm::Session& Connect() {
    connection_ = std::make_unique<hsm::Connection>(token_.options(), pin_);
    session_ = connection_->NewSession();
    const Status ready = session_->Ensure();
    EXPECT_TRUE(ready.ok()) << ready.error().Describe();
    return *session_;
  }

  test::TestToken token_{GetParam()};
  hsm::FixedPin pin_{test::TestToken::Pin()};
  std::unique_ptr<hsm::Connection> connection_;
  std::unique_ptr<hsm::Session> session_;
};

TEST_P(ApplianceKeysTest, MakesTheFourOnce) {
  hsm::Session& session = Connect();
  const Status before = CheckApplianceKeys(session);
  EXPECT_EQ(before.error().origin(), kNotSetUp);
  EXPECT_THAT(
      before.error().message(),
      HasSubstr("twinseal-domain-kek, twinseal-binding, twinseal-site-kek, twinseal-identity"));

  const Result<Bytes> identity = MakeApplianceKeys(session);
  ASSERT_TRUE(identity.ok()) << identity.error().Describe();
  const auto public_key = crypto::PublicKey::FromDer(*identity);
  ASSERT_TRUE(public_key.ok());
  EXPECT_EQ(public_key->algorithm(), v1::EC_P256);
  EXPECT_TRUE(CheckApplianceKeys(session).ok());

  const Result<Bytes> again = MakeApplianceKeys(session);
  EXPECT_EQ(again.error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(CheckApplianceKeys(session).ok());
}

TEST_P(ApplianceKeysTest, OnlyWhatPairingSharesMayBeWrapped) {
  hsm::Session& session = Connect();
  ASSERT_TRUE(MakeApplianceKeys(session).ok());
  const auto flag = [&](CK_OBJECT_CLASS object_class, std::string_view label,
                        CK_ATTRIBUTE_TYPE type) {
    const auto object = session.FindTokenObject(object_class, label);
    EXPECT_TRUE(object.ok()) << label;
    return *session.GetBool(*object, type);
  };
  for (const std::string_view label : {kDomainKekLabel, kBindingKeyLabel}) {
    EXPECT_TRUE(flag(CKO_SECRET_KEY, label, CKA_EXTRACTABLE));
    EXPECT_TRUE(flag(CKO_SECRET_KEY, label, CKA_SENSITIVE));
  }
  EXPECT_FALSE(flag(CKO_SECRET_KEY, kSiteKekLabel, CKA_EXTRACTABLE));
  EXPECT_TRUE(flag(CKO_SECRET_KEY, kSiteKekLabel, CKA_SENSITIVE));
  EXPECT_FALSE(flag(CKO_PRIVATE_KEY, kIdentityLabel, CKA_EXTRACTABLE));
  EXPECT_TRUE(flag(CKO_PRIVATE_KEY, kIdentityLabel, CKA_SENSITIVE));
}

TEST_P(ApplianceKeysTest, AnApplianceThatIsToJoinGetsTwo) {
  hsm::Session& session = Connect();
  EXPECT_THAT(CheckSiteKeys(session).error().message(),
              HasSubstr("twinseal-site-kek, twinseal-identity;"));
  const Result<Bytes> identity = MakeApplianceKeys(session, KeySet::kToJoin);
  ASSERT_TRUE(identity.ok()) << identity.error().Describe();
  EXPECT_TRUE(crypto::PublicKey::FromDer(*identity).ok());
  EXPECT_TRUE(CheckSiteKeys(session).ok());
  for (const std::string_view label : {kDomainKekLabel, kBindingKeyLabel}) {
    EXPECT_EQ(session.FindTokenObject(CKO_SECRET_KEY, label).error().code(), Code::kNotFound);
  }
  const Status complete = CheckApplianceKeys(session);
  EXPECT_EQ(complete.error().origin(), kNotSetUp);
  EXPECT_THAT(complete.error().message(), HasSubstr("`twinseal pair create`"));
  for (const KeySet key_set : {KeySet::kToJoin, KeySet::kWithDomain}) {
    EXPECT_EQ(MakeApplianceKeys(session, key_set).error().code(), Code::kFailedPrecondition);
  }
}

INSTANTIATE_TEST_SUITE_P(Tokens, ApplianceKeysTest,
                         testing::Values(test::TokenKind::kSoftHsm, test::TokenKind::kNss),
                         [](const auto& kind) { return test::Name(kind.param); });

class UnfitTokenTest : public ApplianceKeysTest {};

TEST_P(UnfitTokenTest, IsRefusedByTheNameOfWhatItLacksAndLeftAsItWas) {
  token_.Interpose();
  token_.Script(
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_PAD\n"
      "C_GetMechanismList hide CKM_AES_KEY_WRAP\n"
      "C_GetMechanismList hide CKM_SHA256_HMAC\n");
  hsm::Session& session = Connect();
  const Result<Bytes> refused = MakeApplianceKeys(session);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().origin(), kTokenUnfit);
  EXPECT_THAT(refused.error().message(), HasSubstr("CKM_SHA256_HMAC"));
  EXPECT_THAT(refused.error().message(), HasSubstr("ec-p256 in the vault"));
  token_.Script("");
  EXPECT_THAT(CheckApplianceKeys(session).error().message(),
              HasSubstr(std::string(kDomainKekLabel)));
}

INSTANTIATE_TEST_SUITE_P(Tokens, UnfitTokenTest, testing::Values(test::TokenKind::kSoftHsm),
                         [](const auto& kind) { return test::Name(kind.param); });

}  // namespace
}  // namespace twinseal::core
