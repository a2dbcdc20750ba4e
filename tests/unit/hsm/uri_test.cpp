#include "hsm/pkcs11/uri.h"

#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

TEST(TokenSelector, TakesALabelAsItIs) {
  const auto selector = TokenSelector::Parse("my token");
  ASSERT_THAT(selector, IsOk());
  EXPECT_EQ(selector->label, "my token");
  EXPECT_EQ(selector->serial, std::nullopt);
  EXPECT_EQ(selector->Describe(), "token 'my token'");
}

// RFC 7512 §3: the examples' path attributes.
TEST(TokenSelector, ReadsUris) {
  const auto selector = TokenSelector::Parse(
      "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model="
      "1.0;serial=4a%2F7;"
      "slot-id=327");
  ASSERT_THAT(selector, IsOk());
  EXPECT_EQ(selector->label, "The Software PKCS#11 Softtoken");
  EXPECT_EQ(selector->manufacturer, "Snake Oil, Inc.");
  EXPECT_EQ(selector->model, "1.0");
  EXPECT_EQ(selector->serial, "4a/7");
  EXPECT_EQ(selector->slot_id, 327UL);
  EXPECT_EQ(selector->Describe(),
            "token 'The Software PKCS#11 Softtoken' of manufacturer 'Snake Oil, Inc.' of model "
            "'1.0' with serial "
            "'4a/7' in slot 327");
}

TEST(TokenSelector, EmptyUriIsAnyToken) {
  const auto selector = TokenSelector::Parse("pkcs11:");
  ASSERT_THAT(selector, IsOk());
  EXPECT_EQ(selector->Describe(), "any token");
}

class BadSelector : public testing::TestWithParam<std::string> {};

TEST_P(BadSelector, IsRefusedInWords) {
  const auto selector = TokenSelector::Parse(GetParam());
  ASSERT_THAT(selector, Fails(Code::kInvalidArgument));
  EXPECT_TRUE(selector.error().message().starts_with("the HSM token: "))
      << selector.error().message();
  EXPECT_LT(selector.error().message().size(), 200U);
}

INSTANTIATE_TEST_SUITE_P(
    Uris, BadSelector,
    testing::Values("", "pkcs11:token", "pkcs11:token=a;", "pkcs11:;token=a",
                    "pkcs11:token=a;;serial=b", "pkcs11:token=a;token=b", "pkcs11:token=%",
                    "pkcs11:token=%4", "pkcs11:token=%zz", "pkcs11:token=%00", "pkcs11:token=a b",
                    "pkcs11:token=a/b", "pkcs11:slot-id=x", "pkcs11:slot-id=", "pkcs11:slot-id=-1",
                    "pkcs11:slot-id=99999999999999999999999", "pkcs11:slot-id=1;slot-id=1",
                    "pkcs11:object=k", "pkcs11:id=%01", "pkcs11:unknown=1",
                    "pkcs11:token=a?pin-value=1234", "pkcs11:token=a?module-path=/x", "pkcs11:=a",
                    "pkcs11:serial=01234567890123456", std::string("a\0b", 3), std::string(33, 'a'),
                    "pkcs11:token=" + std::string(10'000, 'a'),
                    "pkcs11:" + std::string(10'000, 'a') + "=b"));

}  // namespace
}  // namespace twinseal::hsm
