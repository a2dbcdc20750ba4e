#include "firmware/policy/authorize.h"

#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace twinseal::policy {
namespace {

Principal Make(v1::Role role, const std::string& name) {
  return Principal::Make(role, name).value();
}

const SiteName kSite = *SiteName::Parse("a");

v1::Key Key(const std::string& name, const std::vector<std::string>& applications = {}) {
  v1::Key key;
  key.set_key_id("00112233445566778899aabbccddeeff");
  key.set_name(name);
  for (const std::string& application : applications)
    key.mutable_policy()->add_applications(application);
  return key;
}

// What must not compile, asked of the compiler. An authorization comes from the check of its own
// procedure or not at all: it is not made from nothing, from a principal, from another procedure's,
// or as a copy.
using Sign = Authorized<Procedure::kSign>;
using Use = AuthorizedKey<KeyAction::kUse>;
static_assert(!std::is_default_constructible_v<Sign> && !std::is_default_constructible_v<Use>);
static_assert(!std::is_constructible_v<Sign, Principal> &&
              !std::is_constructible_v<Use, Principal, std::string>);
static_assert(!std::is_constructible_v<Sign, Authorized<Procedure::kGetKey>>);
static_assert(!std::is_constructible_v<Use, AuthorizedKey<KeyAction::kRead>>);
static_assert(!std::is_copy_constructible_v<Sign> && !std::is_copy_constructible_v<Use>);
static_assert(!std::is_aggregate_v<Sign> && !std::is_aggregate_v<Use>);

v1::Key HandleSign(const Sign&, const Use&) { return {}; }
template <typename... Arguments>
concept CallsHandler = requires(Arguments&&... arguments) {
  HandleSign(std::forward<Arguments>(arguments)...);
};
static_assert(CallsHandler<Sign, Use>);
static_assert(!CallsHandler<Principal, Use>);
static_assert(!CallsHandler<Sign>);
static_assert(!CallsHandler<Result<Sign>, Use>);
static_assert(!CallsHandler<Sign, AuthorizedKey<KeyAction::kChange>>);

TEST(Authorize, GivesATokenForWhatTheRoleMay) {
  const Result<Sign> sign = Authorize<Procedure::kSign>(Make(v1::APPLICATION, "ci"));
  ASSERT_TRUE(sign.ok());
  EXPECT_EQ(sign->principal().Text(), "application/ci");
}

TEST(Authorize, AgreesWithTheTableForEveryRoleAndProcedure) {
  for (const Permission& permission : Permissions()) {
    for (const v1::Role role : {v1::OPERATOR, v1::AUDITOR, v1::APPLICATION, v1::AGENT, v1::SITE}) {
      const Principal principal = Make(role, "x");
      const Status status = CheckPermission(permission.procedure, principal);
      EXPECT_EQ(status.ok(), permission.roles.Has(principal.role())) << permission.name;
      if (!status.ok()) {
        EXPECT_EQ(status.error().code(), Code::kPermissionDenied);
        EXPECT_NE(status.error().message().find(permission.name), std::string::npos);
      }
    }
  }
}

struct KeyCase {
  v1::Role role;
  const char* key;
  bool named;
  bool read, use, change;
};

// All cases there are: five roles, a reserved key or not, named by the policy or not.
TEST(CheckKeyAction, FollowsTheRules) {
  const KeyCase cases[] = {
      {v1::OPERATOR, "release", false, true, true, true},
      {v1::OPERATOR, "release", true, true, true, true},
      {v1::OPERATOR, "twinseal.operator-ca", false, true, false, false},
      {v1::OPERATOR, "twinseal.operator-ca", true, true, false, false},
      {v1::AUDITOR, "release", false, true, false, false},
      {v1::AUDITOR, "release", true, true, false, false},
      {v1::AUDITOR, "twinseal.audit.a", false, true, false, false},
      {v1::AUDITOR, "twinseal.audit.a", true, true, false, false},
      {v1::APPLICATION, "release", false, false, false, false},
      {v1::APPLICATION, "release", true, true, true, false},
      {v1::APPLICATION, "twinseal.audit.a", false, false, false, false},
      {v1::APPLICATION, "twinseal.audit.a", true, true, false, false},
      {v1::AGENT, "release", false, false, false, false},
      {v1::AGENT, "release", true, false, false, false},
      {v1::AGENT, "twinseal.audit.a", false, false, false, false},
      {v1::AGENT, "twinseal.audit.a", true, false, false, false},
      {v1::SITE, "release", false, false, false, false},
      {v1::SITE, "release", true, false, false, false},
      {v1::SITE, "twinseal.audit.a", false, false, false, false},
      {v1::SITE, "twinseal.audit.a", true, false, false, false},
  };
  for (const KeyCase& test : cases) {
    const Principal principal = Make(test.role, "ci");
    const v1::Key key = Key(test.key, test.named ? std::vector<std::string>{"other", "ci"}
                                                 : std::vector<std::string>{"other", "ci2", "c"});
    const std::string what = principal.Text() + " " + test.key + (test.named ? " named" : "");
    EXPECT_EQ(CheckKeyAction(KeyAction::kRead, principal, key, kSite).ok(), test.read) << what;
    EXPECT_EQ(CheckKeyAction(KeyAction::kUse, principal, key, kSite).ok(), test.use) << what;
    EXPECT_EQ(CheckKeyAction(KeyAction::kChange, principal, key, kSite).ok(), test.change) << what;
  }
}

TEST(AuthorizeKey, DoesWhatTheProcedureDoes) {
  const Principal application = Make(v1::APPLICATION, "ci");
  const auto sign = Authorize<Procedure::kSign>(application);
  ASSERT_TRUE(sign.ok());
  static_assert(std::is_same_v<decltype(AuthorizeKey(*sign, Key(""), kSite)), Result<Use>>);
  const Result<Use> use = AuthorizeKey(*sign, Key("release", {"ci"}), kSite);
  ASSERT_TRUE(use.ok());
  EXPECT_EQ(use->key_id(), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(AuthorizeKey(*sign, Key("release"), kSite).error().code(), Code::kPermissionDenied);

  const auto destroy = Authorize<Procedure::kDestroyKey>(Make(v1::OPERATOR, "ada"));
  ASSERT_TRUE(destroy.ok());
  EXPECT_TRUE(AuthorizeKey(*destroy, Key("release"), kSite).ok());
  EXPECT_EQ(AuthorizeKey(*destroy, Key("twinseal.audit.a"), kSite).error().code(),
            Code::kPermissionDenied);
}

TEST(MayList, ShowsApplicationsTheirOwnKeys) {
  const auto caller = Authorize<Procedure::kListKeys>(Make(v1::APPLICATION, "ci"));
  ASSERT_TRUE(caller.ok());
  EXPECT_TRUE(MayList(*caller, Key("release", {"ci"}), kSite));
  EXPECT_FALSE(MayList(*caller, Key("release", {"other"}), kSite));
}

TEST(CheckKeyAction, GoesByWhatIsInForceAtTheSite) {
  const SiteName other = *SiteName::Parse("b");
  const Principal application = Make(v1::APPLICATION, "ci");
  v1::Key key = Key("release", {"ci"});
  v1::SitePolicy& at_b = *key.mutable_policy()->add_at_sites();
  at_b.set_site("b");
  at_b.mutable_applications();
  for (const KeyAction action : {KeyAction::kRead, KeyAction::kUse}) {
    EXPECT_TRUE(CheckKeyAction(action, application, key, kSite).ok());
    const Status refused = CheckKeyAction(action, application, key, other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  }
  EXPECT_EQ(CheckKeyAction(KeyAction::kUse, application, key, other).error().message(),
            "application/ci may not sign with this key at this site, 'b': the key's policy names "
            "the application at every site but b; ask there, or an operator can add it here "
            "(policy.at_sites)");
  EXPECT_TRUE(CheckKeyAction(KeyAction::kUse, Make(v1::OPERATOR, "ada"), key, other).ok());

  const auto caller = Authorize<Procedure::kListKeys>(application);
  EXPECT_TRUE(MayList(*caller, key, kSite));
  EXPECT_FALSE(MayList(*caller, key, other));

  // The other way round: named there alone.
  key.mutable_policy()->clear_applications();
  at_b.mutable_applications()->add_names("ci");
  EXPECT_TRUE(CheckKeyAction(KeyAction::kUse, application, key, other).ok());
  EXPECT_NE(CheckKeyAction(KeyAction::kRead, application, key, kSite)
                .error()
                .message()
                .find("may not read this key at this site, 'a': the key's policy names the "
                      "application at site b;"),
            std::string::npos);
}

TEST(CheckKeyAction, TellsWhoIsNamedNowhereNoMoreThanOfAKeyThatIsNotThere) {
  const Principal application = Make(v1::APPLICATION, "ci");
  v1::Key key = Key("release");
  v1::SitePolicy& at_b = *key.mutable_policy()->add_at_sites();
  at_b.set_site("b");
  at_b.mutable_applications()->add_names("other");
  EXPECT_EQ(CheckKeyAction(KeyAction::kUse, application, key, kSite).error().message(),
            CheckKeyAction(KeyAction::kUse, application, v1::Key(), kSite).error().message());
}

}  // namespace
}  // namespace twinseal::policy
