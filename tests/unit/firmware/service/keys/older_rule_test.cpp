#include "firmware/service/keys/older_rule.h"

#include <gtest/gtest.h>

namespace twinseal::service {
namespace {

using std::chrono::seconds;

v1::Key KeyThat(v1::Isolation isolation, std::uint32_t isolation_seconds,
                const std::vector<std::string>& sites = {}) {
  v1::Key key;
  key.set_key_id("k");
  key.mutable_policy()->set_isolation(isolation);
  key.mutable_policy()->set_isolation_seconds(isolation_seconds);
  for (const std::string& site : sites) key.mutable_policy()->add_sites(site);
  return key;
}

// `after` in the place of `before`.
v1::Key Replaced(const v1::Key& before, v1::Key after, bool all_know_before = false) {
  KeepOlderRule(before, all_know_before, after);
  return after;
}

TEST(OlderRuleTest, WhoKnowsTheRecordActsByItsPolicy) {
  const v1::Key key = Replaced(KeyThat(v1::CONTINUE, 60), KeyThat(v1::STOP, 0));
  EXPECT_EQ(RuleAt(key, "b", true).isolation, seconds(0));
  EXPECT_EQ(RuleAt(key, "b", false).isolation, seconds(60));
  EXPECT_TRUE(RuleAt(key, "b", true).holds);
}

TEST(OlderRuleTest, ARuleThatStaysTheSameLeavesNothing) {
  EXPECT_FALSE(Replaced(KeyThat(v1::STOP, 0), KeyThat(v1::STOP, 0)).has_older_rule());
  // Not set and said are the same.
  EXPECT_FALSE(Replaced(KeyThat(v1::ISOLATION_UNSPECIFIED, 0), KeyThat(v1::CONTINUE, 86'400))
                   .has_older_rule());
}

TEST(OlderRuleTest, TheLaxestCountsUntilAllKnowWhatCameAfterIt) {
  const v1::Key first = Replaced(KeyThat(v1::CONTINUE, 60), KeyThat(v1::CONTINUE, 10));
  const v1::Key second = Replaced(first, KeyThat(v1::STOP, 0));
  EXPECT_EQ(RuleAt(second, "b", false).isolation, seconds(60));
  EXPECT_EQ(RuleAt(Replaced(first, KeyThat(v1::STOP, 0), true), "b", false).isolation, seconds(10));
  EXPECT_FALSE(Replaced(second, KeyThat(v1::STOP, 0), true).has_older_rule());
  // A laxer one now is not made stricter by what was.
  EXPECT_EQ(RuleAt(Replaced(second, KeyThat(v1::CONTINUE, 90)), "b", false).isolation, seconds(90));
}

TEST(OlderRuleTest, ASiteThatLostTheKeyMayHaveItStill) {
  const v1::Key key = Replaced(KeyThat(v1::CONTINUE, 60, {"a", "b"}), KeyThat(v1::STOP, 0, {"a"}));
  EXPECT_FALSE(RuleAt(key, "b", true).holds);
  EXPECT_TRUE(RuleAt(key, "b", false).holds);
  EXPECT_EQ(RuleAt(key, "b", false).isolation, seconds(60));
  EXPECT_FALSE(RuleAt(key, "c", false).holds);
  const v1::Key moved = Replaced(key, KeyThat(v1::STOP, 0, {"a", "c"}));
  EXPECT_TRUE(RuleAt(moved, "b", false).holds);
  EXPECT_TRUE(RuleAt(moved, "c", false).holds);
  // Of every site, once.
  const v1::Key once = Replaced(KeyThat(v1::STOP, 0), KeyThat(v1::STOP, 0, {"a"}));
  EXPECT_TRUE(RuleAt(Replaced(once, KeyThat(v1::STOP, 0, {"a", "c"})), "b", false).holds);
}

// `key`, with another rule at one site.
v1::Key At(v1::Key key, const std::string& site, v1::Isolation isolation,
           std::uint32_t isolation_seconds = 0) {
  v1::SitePolicy& own = *key.mutable_policy()->add_at_sites();
  own.set_site(site);
  own.set_isolation(isolation);
  own.set_isolation_seconds(isolation_seconds);
  return key;
}

TEST(OlderRuleTest, ASiteActsByItsOwnRule) {
  const v1::Key key = At(KeyThat(v1::CONTINUE, 60), "b", v1::STOP);
  EXPECT_EQ(RuleAt(key, "a", true).isolation, seconds(60));
  EXPECT_EQ(RuleAt(key, "b", true).isolation, seconds(0));
  EXPECT_EQ(RuleAt(key, "b", false).isolation, seconds(0));
}

TEST(OlderRuleTest, ARuleThatMovesFromSiteToSiteIsAnotherRule) {
  const v1::Key at_a = At(KeyThat(v1::STOP, 0), "a", v1::CONTINUE, 60);
  const v1::Key at_b = Replaced(at_a, At(KeyThat(v1::STOP, 0), "b", v1::CONTINUE, 60));
  EXPECT_EQ(RuleAt(at_b, "a", true).isolation, seconds(0));
  EXPECT_EQ(RuleAt(at_b, "a", false).isolation, seconds(60));
  EXPECT_EQ(RuleAt(Replaced(at_a, KeyThat(v1::STOP, 0)), "a", false).isolation, seconds(60));
  // The other way round, too: what was the same everywhere becomes stricter at one site.
  const v1::Key stricter =
      Replaced(KeyThat(v1::CONTINUE, 60), At(KeyThat(v1::CONTINUE, 60), "b", v1::STOP));
  EXPECT_EQ(RuleAt(stricter, "b", false).isolation, seconds(60));
  EXPECT_EQ(RuleAt(stricter, "b", true).isolation, seconds(0));
}

TEST(OlderRuleTest, SayingTheSameForASiteChangesNoRule) {
  EXPECT_FALSE(
      Replaced(KeyThat(v1::CONTINUE, 60), At(KeyThat(v1::CONTINUE, 60), "b", v1::CONTINUE, 60))
          .has_older_rule());
}

}  // namespace
}  // namespace twinseal::service
