#include "common/policy/in_force.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinseal::policy {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::KeyPolicy Common() {
  v1::KeyPolicy policy;
  policy.add_applications("ci");
  policy.add_schemes(v1::ECDSA_SHA256);
  policy.set_max_signatures_per_activation(8);
  policy.set_isolation(v1::CONTINUE);
  policy.set_isolation_seconds(60);
  return policy;
}

TEST(InForce, ASilentPolicyHasTheDefaultsEverywhere) {
  const v1::KeyPolicy silent;
  for (const InForce& there : {InForceAt(silent, "a"), InForceElsewhere(silent)}) {
    EXPECT_THAT(there.applications, IsEmpty());
    EXPECT_THAT(there.schemes, IsEmpty());
    EXPECT_EQ(there.signatures_per_activation, 1U);
    EXPECT_EQ(there.isolation_time, seconds(86'400));
  }
}

TEST(InForce, WhatASiteDoesNotSetIsAsElsewhere) {
  v1::KeyPolicy policy = Common();
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site("b");
  own.set_max_signatures_per_activation(1);
  const InForce b = InForceAt(policy, "b");
  EXPECT_THAT(b.applications, ElementsAre("ci"));
  EXPECT_THAT(b.schemes, ElementsAre(v1::ECDSA_SHA256));
  EXPECT_EQ(b.signatures_per_activation, 1U);
  EXPECT_EQ(b.isolation_time, seconds(60));
  for (const InForce& there : {InForceAt(policy, "a"), InForceElsewhere(policy)}) {
    EXPECT_EQ(there.signatures_per_activation, 8U);
  }
}

TEST(InForce, WhatASiteSetsTakesThePlaceOfTheRest) {
  v1::KeyPolicy policy = Common();
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site("b");
  own.mutable_applications()->add_names("nightly");
  own.mutable_schemes()->add_schemes(v1::ECDSA_SHA384);
  own.set_isolation(v1::STOP);
  const InForce b = InForceAt(policy, "b");
  EXPECT_THAT(b.applications, ElementsAre("nightly"));
  EXPECT_THAT(b.schemes, ElementsAre(v1::ECDSA_SHA384));
  EXPECT_EQ(b.signatures_per_activation, 8U);
  EXPECT_EQ(b.isolation_time, seconds(0));
}

TEST(InForce, AnEmptyListIsSomethingElseThanNone) {
  v1::KeyPolicy policy = Common();
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site("b");
  own.mutable_applications();
  own.mutable_schemes();
  const InForce b = InForceAt(policy, "b");
  EXPECT_THAT(b.applications, IsEmpty());
  EXPECT_THAT(b.schemes, IsEmpty());
}

TEST(InForce, ASitesIsolationBringsItsOwnTime) {
  v1::KeyPolicy policy = Common();
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site("b");
  own.set_isolation(v1::CONTINUE);
  EXPECT_EQ(InForceAt(policy, "b").isolation_time, seconds(86'400));
  own.set_isolation_seconds(5);
  EXPECT_EQ(InForceAt(policy, "b").isolation_time, seconds(5));
  policy.set_isolation(v1::STOP);
  policy.clear_isolation_seconds();
  EXPECT_EQ(InForceAt(policy, "b").isolation_time, seconds(5));
  EXPECT_EQ(InForceElsewhere(policy).isolation_time, seconds(0));
}

}  // namespace
}  // namespace twinseal::policy
