#include "firmware/policy/key_policy.h"

#include <string>
#include <utility>

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

v1::SitePolicy& AddSite(v1::KeyPolicy& policy, const std::string& site) {
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site(site);
  return own;
}

TEST(ValidatePolicy, TakesWhatDiffersAtSites) {
  v1::KeyPolicy policy;
  AddSite(policy, "b").mutable_applications();  // None there.
  v1::SitePolicy& at_a = AddSite(policy, "a");
  at_a.mutable_applications()->add_names("z");
  at_a.mutable_applications()->add_names("y");
  at_a.mutable_schemes()->add_schemes(v1::RSA_PSS_SHA256);
  at_a.mutable_schemes()->add_schemes(v1::RSA_PKCS1_SHA256);
  at_a.set_isolation(v1::CONTINUE);
  at_a.set_isolation_seconds(60);
  const Result<v1::KeyPolicy> checked = ValidatePolicy(policy, v1::RSA_2048, v1::VAULT);
  ASSERT_TRUE(checked.ok()) << checked.error().Describe();

  v1::KeyPolicy canonical;
  v1::SitePolicy& first = AddSite(canonical, "a");
  first.mutable_applications()->add_names("y");
  first.mutable_applications()->add_names("z");
  first.mutable_schemes()->add_schemes(v1::RSA_PKCS1_SHA256);
  first.mutable_schemes()->add_schemes(v1::RSA_PSS_SHA256);
  first.set_isolation(v1::CONTINUE);
  first.set_isolation_seconds(60);
  AddSite(canonical, "b").mutable_applications();
  EXPECT_EQ(checked->SerializeAsString(), canonical.SerializeAsString());
}

TEST(ValidatePolicy, NamesWhatIsWrongAtASite) {
  using Change = void (*)(v1::KeyPolicy&, v1::SitePolicy&);
  const std::pair<std::string, Change> cases[] = {
      {"policy.at_sites[1].site: ", [](auto&, auto& own) { own.set_site("Not a site"); }},
      {"policy.at_sites[1].site: ", [](auto&, auto& own) { own.clear_site(); }},
      {"policy.at_sites[1].site: policy.sites does not name b",
       [](auto& policy, auto&) { policy.add_sites("a"); }},
      {"policy.at_sites: b is named twice",
       [](auto& policy, auto& own) { *policy.add_at_sites() = v1::SitePolicy(own); }},
      {"policy.at_sites[1]: it says nothing of site b",
       [](auto&, auto& own) { own.clear_max_signatures_per_activation(); }},
      {"policy.at_sites[1].applications.names[0]: ",
       [](auto&, auto& own) { own.mutable_applications()->add_names("../x"); }},
      {"policy.at_sites[1].schemes.schemes[0]: ",
       [](auto&, auto& own) { own.mutable_schemes()->add_schemes(v1::RSA_PSS_SHA256); }},
      {"policy.at_sites[1].max_signatures_per_activation: ",
       [](auto&, auto& own) {
         own.set_max_signatures_per_activation(kMaxSignaturesPerActivation + 1);
       }},
      {"policy.at_sites[1].isolation: ",
       [](auto&, auto& own) { own.set_isolation(static_cast<v1::Isolation>(7)); }},
      {"policy.at_sites[1].isolation_seconds: it goes with isolation CONTINUE",
       [](auto&, auto& own) { own.set_isolation_seconds(5); }},
      {"policy.at_sites[1].isolation_seconds: ",
       [](auto&, auto& own) {
         own.set_isolation(v1::STOP);
         own.set_isolation_seconds(5);
       }},
  };
  for (const auto& [refusal, change] : cases) {
    v1::KeyPolicy policy;
    AddSite(policy, "a").mutable_applications();
    AddSite(policy, "b").set_max_signatures_per_activation(2);
    ASSERT_EQ(Refusal(policy), "");
    change(policy, *policy.mutable_at_sites(1));
    EXPECT_TRUE(Refusal(policy).starts_with(refusal)) << Refusal(policy);
  }
}

TEST(ValidatePolicy, LimitsWhatDiffersAtSites) {
  v1::KeyPolicy policy;
  for (std::size_t i = 0; i < kMaxSites; ++i) {
    AddSite(policy, "s" + std::to_string(i)).mutable_applications();
  }
  EXPECT_EQ(Refusal(policy), "");
  EXPECT_TRUE(Refusal(policy, v1::EC_P256, v1::TOKEN).starts_with("policy.at_sites: "));
  AddSite(policy, "one-more").mutable_applications();
  EXPECT_TRUE(Refusal(policy).starts_with("policy.at_sites: "));

  v1::KeyPolicy names;
  for (const char* site : {"a", "b", "c"}) {
    v1::ApplicationList& applications = *AddSite(names, site).mutable_applications();
    for (std::size_t i = 0; i < kMaxApplicationsAtSites / 4; ++i) {
      applications.add_names("a" + std::to_string(i));
    }
  }
  EXPECT_EQ(Refusal(names), "");
  for (int site = 0; site < 2; ++site) {
    for (std::size_t i = 0; i < kMaxApplicationsAtSites / 4; ++i) {
      names.mutable_at_sites(site)->mutable_applications()->add_names("b" + std::to_string(i));
    }
  }
  EXPECT_TRUE(Refusal(names).starts_with("policy.at_sites: its entries name at most 512 "))
      << Refusal(names);
}

TEST(Policy, MeansTheDefaultsWhereItIsSilent) {
  const v1::KeyPolicy silent;
  const InForce here = InForceAt(silent, "a");
  EXPECT_EQ(MinDestructionWait(silent), seconds(7 * 86'400));
  EXPECT_TRUE(AllowsSite(silent, SiteName::Parse("a").value()));
  EXPECT_FALSE(NamesApplication(here, "ci"));
  EXPECT_TRUE(AllowsScheme(here, v1::EC_P256, v1::ECDSA_SHA256));
  EXPECT_FALSE(AllowsScheme(here, v1::EC_P256, v1::RSA_PSS_SHA256));
  EXPECT_FALSE(AllowsScheme(here, v1::EC_P256, v1::SCHEME_UNSPECIFIED));
}

TEST(Policy, MeansWhatItSays) {
  v1::KeyPolicy policy;
  policy.set_min_destruction_wait_seconds(0);
  policy.add_sites("a");
  policy.add_applications("ci");
  policy.add_schemes(v1::RSA_PSS_SHA256);
  const InForce here = InForceAt(policy, "a");
  EXPECT_EQ(MinDestructionWait(policy), seconds(0));
  EXPECT_TRUE(AllowsSite(policy, SiteName::Parse("a").value()));
  EXPECT_FALSE(AllowsSite(policy, SiteName::Parse("b").value()));
  EXPECT_TRUE(NamesApplication(here, "ci"));
  EXPECT_TRUE(AllowsScheme(here, v1::RSA_2048, v1::RSA_PSS_SHA256));
  EXPECT_FALSE(AllowsScheme(here, v1::RSA_2048, v1::RSA_PKCS1_SHA256));
}

TEST(SitesWhere, SaysWhereInWords) {
  const auto named = [](const InForce& there) { return NamesApplication(there, "ci"); };
  v1::KeyPolicy policy;
  EXPECT_EQ(SitesWhere(policy, named), "");
  policy.add_applications("ci");
  EXPECT_EQ(SitesWhere(policy, named), "every site");
  AddSite(policy, "b").mutable_applications();
  EXPECT_EQ(SitesWhere(policy, named), "every site but b");
  for (const char* site : {"a", "b", "c"}) policy.add_sites(site);
  EXPECT_EQ(SitesWhere(policy, named), "one of the sites a, c");
  policy.clear_applications();
  EXPECT_EQ(SitesWhere(policy, named), "");
  policy.mutable_at_sites(0)->mutable_applications()->add_names("ci");
  EXPECT_EQ(SitesWhere(policy, named), "site b");
  policy.clear_sites();
  EXPECT_EQ(SitesWhere(policy, named), "site b");
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
