#include "firmware/policy/principal.h"

#include <string>

#include <gtest/gtest.h>

namespace twinseal::policy {
namespace {

TEST(Principal, IsReadFromTheCertificatesUri) {
  const Result<Principal> principal = Principal::FromUri("twinseal:application/build-server");
  ASSERT_TRUE(principal.ok());
  EXPECT_EQ(principal->role(), Role::kApplication);
  EXPECT_EQ(principal->name(), "build-server");
  EXPECT_EQ(principal->Text(), "application/build-server");
  EXPECT_EQ(principal->Uri(), "twinseal:application/build-server");
  EXPECT_EQ(Principal::FromUri("twinseal:operator/ada")->role(), Role::kOperator);
  EXPECT_EQ(Principal::FromUri("twinseal:auditor/ada")->role(), Role::kAuditor);
  EXPECT_EQ(Principal::FromUri("twinseal:agent/agent")->role(), Role::kAgent);
  EXPECT_EQ(Principal::FromUri("twinseal:site/b")->role(), Role::kSite);
}

TEST(Principal, RefusesEveryOtherForm) {
  using std::string_literals::operator""s;
  for (const std::string& uri : {""s,
                                 "twinseal:"s,
                                 "twinseal:/"s,
                                 "twinseal:operator"s,
                                 "twinseal:operator/"s,
                                 "twinseal:/ada"s,
                                 "twinseal:root/ada"s,
                                 "twinseal:Operator/ada"s,
                                 "TWINSEAL:operator/ada"s,
                                 "operator/ada"s,
                                 "https://operator/ada"s,
                                 "twinseal:operator/ada/more"s,
                                 "twinseal:operator/Ada"s,
                                 "twinseal:operator/../x"s,
                                 " twinseal:operator/ada"s,
                                 "twinseal:operator/ada "s,
                                 "twinseal:operator/ada\n"s,
                                 "twinseal:operator/ada\0"s,
                                 "twinseal:operator\0/ada"s,
                                 "twinseal:operator/\xff"s,
                                 "twinseal:operator/" + std::string(65, 'a')}) {
    const Result<Principal> principal = Principal::FromUri(uri);
    ASSERT_FALSE(principal.ok()) << uri;
    EXPECT_EQ(principal.error().code(), Code::kUnauthenticated) << uri;
  }
}

TEST(Principal, IsMadeForACertificateRequest) {
  EXPECT_EQ(Principal::Make(v1::OPERATOR, "ada")->Uri(), "twinseal:operator/ada");
  EXPECT_EQ(Principal::Make(v1::ROLE_UNSPECIFIED, "ada").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Principal::Make(static_cast<v1::Role>(9), "ada").error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(Principal::Make(v1::OPERATOR, "a b").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Principal::Make(v1::OPERATOR, "").error().code(), Code::kInvalidArgument);
}

TEST(Principal, FormsAreOfOnePiece) {
  for (const v1::Role role : {v1::OPERATOR, v1::AUDITOR, v1::APPLICATION, v1::AGENT, v1::SITE}) {
    const Principal principal = Principal::Make(role, "x.y-z_1").value();
    EXPECT_EQ(Principal::FromUri(principal.Uri()).value(), principal);
  }
}

}  // namespace
}  // namespace twinseal::policy
