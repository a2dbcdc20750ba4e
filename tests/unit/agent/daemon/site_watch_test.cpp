// A site that is watched from outside, over real TLS.
#include "agent/daemon/site_watch.h"

#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>

#include "agent/daemon/routes.h"
#include "tests/support/results.h"
#include "tests/unit/agent/daemon/fake_site.h"

namespace twinseal::agent {
namespace {

using test::FailsWith;
using test::Succeeds;
using testing::HasSubstr;

class SiteWatchTest : public testing::Test {
 protected:
  void Watch(const std::string& uri = "twinseal:agent/agent") {
    const test::Identity agent = operator_ca_.Caller(uri);
    https::Identity identity;
    identity.ca_pem = operator_ca_.certificate().Pem();
    identity.certificate_pem = agent.CertificatePem();
    identity.key_pem = agent.KeyPem();
    watch_ = std::make_unique<SiteWatch>("a", site_.api(), std::move(identity),
                                         SiteWatchPace{.every = std::chrono::milliseconds(5),
                                                       .look_time = std::chrono::seconds(30),
                                                       .ask_every = std::chrono::milliseconds(5),
                                                       .ask_time = std::chrono::seconds(30)},
                                         [this](SiteSight sight) {
                                           const std::lock_guard lock(mutex_);
                                           last_ = std::move(sight);
                                           more_.notify_all();
                                         });
  }
  // The first one from now on that is as wanted.
  template <typename Wanted>
  SiteSight Await(const Wanted& wanted) {
    std::unique_lock lock(mutex_);
    last_ = {};
    more_.wait_for(lock, std::chrono::seconds(60),
                   [&] { return !last_.name.empty() && wanted(last_); });
    return last_;
  }

  test::TestCa operator_ca_;
  test::TestCa ledger_ca_{"ledger"};
  test::FakeSite site_{"a", operator_ca_, ledger_ca_};
  std::mutex mutex_;
  std::condition_variable more_;
  SiteSight last_;
  std::unique_ptr<SiteWatch> watch_;
};

TEST_F(SiteWatchTest, SeesASiteGoAndReturn) {
  Watch();
  const SiteSight ready = Await([](const SiteSight& sight) { return sight.ready; });
  EXPECT_TRUE(ready.reachable);
  EXPECT_EQ(ready.reason, "");
  EXPECT_GT(ready.round_trip_us, 0U);

  site_.NotReady("the signing core restarts");
  const SiteSight waiting = Await([](const SiteSight& sight) { return !sight.ready; });
  EXPECT_TRUE(waiting.reachable);
  EXPECT_EQ(waiting.reason, "the signing core restarts");

  site_.Stop();
  const SiteSight gone = Await([](const SiteSight& sight) { return !sight.reachable; });
  EXPECT_FALSE(gone.ready);
  // The second when a look was under way.
  EXPECT_THAT(gone.reason, ::testing::AnyOf(HasSubstr("it cannot be reached: "),
                                            HasSubstr("it does not answer: ")));

  site_.NotReady("");
  site_.Start();
  EXPECT_TRUE(Await([](const SiteSight& sight) { return sight.ready; }).reachable);
}

TEST_F(SiteWatchTest, HearsWhatTheSiteSaysOfThePair) {
  v1::GetPairResponse pair;
  pair.set_applied_revision(42);
  site_.Say(pair);
  Watch();
  const SiteSight sight = Await([](const SiteSight& seen) { return seen.pair.has_value(); });
  EXPECT_EQ(sight.pair->site(), "a");
  EXPECT_EQ(sight.pair->applied_revision(), 42U);
}

TEST_F(SiteWatchTest, ASiteThatDoesNotAnswerItsQuestionsIsStillReady) {
  Watch("twinseal:application/build");
  const SiteSight sight = Await([](const SiteSight& seen) { return seen.ready; });
  EXPECT_FALSE(sight.pair.has_value());
}

TEST(RoutesTest, HealthIsForOperatorsAndAuditors) {
  const test::TestCa ca;
  EXPECT_THAT(MayReadHealth(ca.Caller("twinseal:operator/alice").certificate), Succeeds());
  EXPECT_THAT(MayReadHealth(ca.Caller("twinseal:auditor/bob").certificate), Succeeds());
  for (const char* const other :
       {"twinseal:application/build", "twinseal:agent/agent", "twinseal:site/a", "twinseal:"}) {
    EXPECT_THAT(MayReadHealth(ca.Caller(other).certificate),
                FailsWith(Code::kPermissionDenied, "operators and auditors"));
  }
  EXPECT_THAT(MayReadHealth(ca.Caller("https://example.org/x").certificate),
              FailsWith(Code::kUnauthenticated, "no twinseal name"));
}

}  // namespace
}  // namespace twinseal::agent
