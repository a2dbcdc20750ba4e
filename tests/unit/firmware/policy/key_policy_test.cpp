#include "firmware/policy/key_policy.h"

#include <string>

#include <gtest/gtest.h>

namespace twinseal::policy {
namespace {

using std::chrono::seconds;

// The message of the refusal, which must name the field first; empty when the policy is taken.
std::string Refusal(const v1::KeyPolicy& policy, v1::Algorithm algorithm = v1::EC_P256,
                    v1::Storage storage = v1::VAULT) {
  const Result<v1::KeyPolicy> checked = ValidatePolicy(policy, algorithm, storage);
  if (checked.ok()) return "";
  EXPECT_EQ(checked.error().code(), Code::kInvalidArgument);
  return checked.error().message();
}

TEST(ValidatePolicy, TakesAnEmptyOne) {
  const Result<v1::KeyPolicy> checked = ValidatePolicy({}, v1::EC_P256, v1::VAULT);
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->SerializeAsString(), "");
}

TEST(ValidatePolicy, GivesEqualPoliciesEqualBytes) {
  v1::KeyPolicy one;
  one.add_applications("b");
  one.add_applications("a");
  one.add_schemes(v1::RSA_PSS_SHA256);
  one.add_schemes(v1::RSA_PKCS1_SHA256);
  one.add_sites("b");
  one.add_sites("a");
  v1::KeyPolicy other;
  other.add_applications("a");
  other.add_applications("b");
  other.add_schemes(v1::RSA_PKCS1_SHA256);
  other.add_schemes(v1::RSA_PSS_SHA256);
  other.add_sites("a");
  other.add_sites("b");
  EXPECT_EQ(ValidatePolicy(one, v1::RSA_2048, v1::VAULT)->SerializeAsString(),
            ValidatePolicy(other, v1::RSA_2048, v1::VAULT)->SerializeAsString());
}

TEST(ValidatePolicy, NamesTheApplicationThatIsWrong) {
  v1::KeyPolicy policy;
  policy.add_applications("ci");
  for (const std::string& bad :
       {std::string(), std::string("A"), std::string("../x"), std::string("a\0b", 3),
        std::string("\xff"), std::string(10'000, 'a')}) {
    v1::KeyPolicy with = policy;
    with.add_applications(bad);
    EXPECT_TRUE(Refusal(with).starts_with("policy.applications[1]: ")) << Refusal(with);
    EXPECT_LT(Refusal(with).size(), 300U);
  }
  policy.add_applications("ci");
  EXPECT_TRUE(Refusal(policy).starts_with("policy.applications: ")) << Refusal(policy);
}

TEST(ValidatePolicy, LimitsTheNumberOfNames) {
  v1::KeyPolicy policy;
  for (std::size_t i = 0; i < kMaxApplications; ++i)
    policy.add_applications("a" + std::to_string(i));
  EXPECT_EQ(Refusal(policy), "");
  policy.add_applications("one-more");
  EXPECT_TRUE(Refusal(policy).starts_with("policy.applications: "));

  v1::KeyPolicy sites;
  for (std::size_t i = 0; i < kMaxSites; ++i) sites.add_sites("s" + std::to_string(i));
  EXPECT_EQ(Refusal(sites), "");
  sites.add_sites("one-more");
  EXPECT_TRUE(Refusal(sites).starts_with("policy.sites: "));
}

TEST(ValidatePolicy, ChecksSites) {
  v1::KeyPolicy policy;
  policy.add_sites("Not a site");
  EXPECT_TRUE(Refusal(policy).starts_with("policy.sites[0]: "));
  policy.set_sites(0, "a");
  EXPECT_EQ(Refusal(policy, v1::EC_P256, v1::TOKEN), "");
  policy.add_sites("b");
  EXPECT_EQ(Refusal(policy), "");
  EXPECT_TRUE(Refusal(policy, v1::EC_P256, v1::TOKEN).starts_with("policy.sites: "));
}

TEST(ValidatePolicy, WantsSchemesThatFitTheAlgorithm) {
  v1::KeyPolicy policy;
  policy.add_schemes(v1::ECDSA_SHA256);
  EXPECT_EQ(Refusal(policy), "");
  policy.add_schemes(v1::RSA_PSS_SHA256);
  EXPECT_TRUE(Refusal(policy).starts_with("policy.schemes[1]: "));
  EXPECT_TRUE(Refusal(policy, v1::RSA_2048).starts_with("policy.schemes[0]: "));
  policy.set_schemes(1, static_cast<v1::Scheme>(99));
  EXPECT_TRUE(Refusal(policy).starts_with("policy.schemes[1]: "));
  policy.set_schemes(1, v1::SCHEME_UNSPECIFIED);
  EXPECT_TRUE(Refusal(policy).starts_with("policy.schemes[1]: "));
  policy.set_schemes(1, v1::ECDSA_SHA256);
  EXPECT_TRUE(Refusal(policy).starts_with("policy.schemes: "));
}

TEST(ValidatePolicy, WantsAnAlgorithm) {
  EXPECT_TRUE(Refusal({}, v1::ALGORITHM_UNSPECIFIED).starts_with("algorithm: "));
  EXPECT_TRUE(Refusal({}, static_cast<v1::Algorithm>(99)).starts_with("algorithm: "));
}

TEST(ValidatePolicy, LimitsNumbers) {
  v1::KeyPolicy policy;
  policy.set_max_signatures_per_activation(kMaxSignaturesPerActivation);
  policy.set_isolation_seconds(kMaxIsolationSeconds);
  policy.set_min_destruction_wait_seconds(kMaxDestructionWaitSeconds);
  EXPECT_EQ(Refusal(policy), "");

  v1::KeyPolicy more = policy;
  more.set_max_signatures_per_activation(kMaxSignaturesPerActivation + 1);
  EXPECT_TRUE(Refusal(more).starts_with("policy.max_signatures_per_activation: "));
  more = policy;
  more.set_isolation_seconds(kMaxIsolationSeconds + 1);
  EXPECT_TRUE(Refusal(more).starts_with("policy.isolation_seconds: "));
  more = policy;
  more.set_min_destruction_wait_seconds(0xffffffff);
  EXPECT_TRUE(Refusal(more).starts_with("policy.min_destruction_wait_seconds: "));
}

TEST(ValidatePolicy, ChecksIsolation) {
  v1::KeyPolicy policy;
  policy.set_isolation(v1::STOP);
  EXPECT_EQ(Refusal(policy), "");
  policy.set_isolation_seconds(5);
  EXPECT_TRUE(Refusal(policy).starts_with("policy.isolation_seconds: "));
  policy.set_isolation(v1::CONTINUE);
  EXPECT_EQ(Refusal(policy), "");
  policy.set_isolation(static_cast<v1::Isolation>(7));
  EXPECT_TRUE(Refusal(policy).starts_with("policy.isolation: "));
}

TEST(Policy, MeansTheDefaultsWhereItIsSilent) {
  const v1::KeyPolicy silent;
  EXPECT_EQ(SignaturesPerActivation(silent), 1U);
  EXPECT_EQ(MinDestructionWait(silent), seconds(7 * 86'400));
  EXPECT_EQ(IsolationTime(silent), seconds(86'400));
  EXPECT_TRUE(AllowsSite(silent, SiteName::Parse("a").value()));
  EXPECT_FALSE(NamesApplication(silent, "ci"));
  EXPECT_TRUE(AllowsScheme(silent, v1::EC_P256, v1::ECDSA_SHA256));
  EXPECT_FALSE(AllowsScheme(silent, v1::EC_P256, v1::RSA_PSS_SHA256));
  EXPECT_FALSE(AllowsScheme(silent, v1::EC_P256, v1::SCHEME_UNSPECIFIED));
}

TEST(Policy, MeansWhatItSays) {
  v1::KeyPolicy policy;
  policy.set_max_signatures_per_activation(64);
  policy.set_min_destruction_wait_seconds(0);
  policy.set_isolation(v1::STOP);
  policy.add_sites("a");
  policy.add_schemes(v1::RSA_PSS_SHA256);
  EXPECT_EQ(SignaturesPerActivation(policy), 64U);
  EXPECT_EQ(MinDestructionWait(policy), seconds(0));
  EXPECT_EQ(IsolationTime(policy), seconds(0));
  EXPECT_TRUE(AllowsSite(policy, SiteName::Parse("a").value()));
  EXPECT_FALSE(AllowsSite(policy, SiteName::Parse("b").value()));
  EXPECT_TRUE(AllowsScheme(policy, v1::RSA_2048, v1::RSA_PSS_SHA256));
  EXPECT_FALSE(AllowsScheme(policy, v1::RSA_2048, v1::RSA_PKCS1_SHA256));
}

TEST(DestructionWait, IsWhatWasAskedForWithinThePolicy) {
  v1::ScheduleKeyDestructionRequest request;
  v1::KeyPolicy policy;
  EXPECT_EQ(DestructionWait(request, policy).value(), seconds(30 * 86'400));
  policy.set_min_destruction_wait_seconds(60 * 86'400);
  EXPECT_EQ(DestructionWait(request, policy).value(), seconds(60 * 86'400));
  request.set_wait_seconds(59 * 86'400);
  EXPECT_EQ(DestructionWait(request, policy).error().code(), Code::kFailedPrecondition);
  policy.set_min_destruction_wait_seconds(0);
  EXPECT_EQ(DestructionWait(request, policy).value(), seconds(59 * 86'400));
  request.set_wait_seconds(0);
  EXPECT_EQ(DestructionWait(request, policy).value(), seconds(0));
  request.set_wait_seconds(kMaxDestructionWaitSeconds + 1);
  EXPECT_EQ(DestructionWait(request, policy).error().code(), Code::kInvalidArgument);
}

TEST(NewKeyName, IsWellFormedAndNotReserved) {
  EXPECT_EQ(NewKeyName("code-signing")->text(), "code-signing");
  EXPECT_EQ(NewKeyName("twinseal.operator-ca").error().code(), Code::kPermissionDenied);
  EXPECT_EQ(NewKeyName("").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(NewKeyName(std::string(10'000, 'a')).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(NewKeyName("../x").error().message().starts_with("name: "));
}

}  // namespace
}  // namespace twinseal::policy
