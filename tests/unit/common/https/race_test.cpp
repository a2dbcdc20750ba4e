#include "common/https/race.h"

#include <thread>

#include <gmock/gmock.h>

#include "common/base/mutex.h"
#include "common/connect/server.h"
#include "tests/support/certificates.h"

namespace twinseal::https {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::Field;
using testing::VariantWith;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 1000;

class RaceTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Start().ok());
    connect::Router router;
    router.AddPost("/echo", connect::Access::Anyone(), {"text/plain"},
                   [](const connect::Request& request, const connect::Responder& responder) {
                     responder.Send({200, "text/plain", ToString(request.body), std::nullopt});
                   });
    router.AddGet("/never", connect::Access::Anyone(),
                  [this](const connect::Request&, const connect::Responder& responder) {
                    const MutexLock lock(mutex_);
                    held_.push_back(responder);
                  });
    connect::ServerOptions options;
    options.tls = [tls = ca_.ServerTls(ca_.Server())] { return tls; };
    auto server = connect::Server::Start(std::move(options), std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().Describe();
    server_ = *std::move(server);
  }

  std::string Url(const std::string& path) const {
    return "https://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  Request Echo(const std::string& body) const {
    return {Url("/echo"), {"Content-Type: text/plain"}, &body, {seconds(60), seconds(30)}};
  }
  Request Never() const { return {Url("/never"), {}, nullptr, {seconds(60), seconds(30)}}; }
  static Clock::time_point Soon() { return Clock::now() + seconds(60); }

  test::TestCa ca_;
  Identity identity_{ca_.certificate().Pem(), "", {}};
  Mutex mutex_;
  std::vector<connect::Responder> held_ TWINSEAL_GUARDED_BY(mutex_);
  std::unique_ptr<connect::Server> server_;
};

TEST_F(RaceTest, TheFasterArrivesWhileTheOtherRuns) {
  Race race(identity_, kMaxAnswer);
  const std::string body = "hello";
  race.Enter(7, Never());
  race.Enter(3, Echo(body));
  const auto finish = race.Next(Soon());
  ASSERT_TRUE(finish.has_value());
  EXPECT_EQ(finish->runner, 3U);
  EXPECT_THAT(finish->outcome, VariantWith<Answer>(AllOf(Field(&Answer::status, 200),
                                                         Field(&Answer::body, "hello"))));
  const Race::Finish left = race.Leave(7);
  EXPECT_EQ(left.runner, 7U);
  EXPECT_TRUE(std::holds_alternative<Failure>(left.outcome));
}

TEST_F(RaceTest, MeasuresNewConnectionsAndKeepsThem) {
  Race race(identity_, kMaxAnswer);
  const std::string body = "hello";
  Timing timings[2];
  for (Timing& timing : timings) {
    race.Enter(0, Echo(body));
    timing = race.Next(Soon())->timing;
    EXPECT_GT(timing.answering.count(), 0);
    EXPECT_GT(timing.round_trip.count(), 0);
  }
  EXPECT_GT(timings[0].connecting.count(), 0);
  EXPECT_EQ(timings[1].connecting.count(), 0);
  EXPECT_EQ(server_->counts().connections_accepted, 1U);

  Request anew = Echo(body);
  anew.new_connection = true;
  race.Enter(0, anew);
  EXPECT_GT(race.Next(Soon())->timing.connecting.count(), 0);
  EXPECT_EQ(server_->counts().connections_accepted, 2U);
}

TEST_F(RaceTest, ReturnsWhenTheTimeHasPassed) {
  Race race(identity_, kMaxAnswer);
  race.Enter(0, Never());
  EXPECT_FALSE(race.Next(Clock::now()).has_value());
  EXPECT_FALSE(race.Next(Clock::now() + std::chrono::milliseconds(20)).has_value());
}

TEST_F(RaceTest, ReturnsWhenItIsWoken) {
  Race race(identity_, kMaxAnswer);
  race.Enter(0, Never());
  // Before it waits or while it does, which nobody can tell.
  std::thread waker([&] { race.Wake(); });
  EXPECT_FALSE(race.Next(Clock::time_point::max()).has_value());
  waker.join();
  race.Clear();
  // Nothing is left of either.
  const std::string body = "hello";
  race.Enter(0, Echo(body));
  EXPECT_EQ(race.Next(Soon())->runner, 0U);
}

TEST_F(RaceTest, AnAnswerThatIsTooLongIsAFailure) {
  Race race(identity_, kMaxAnswer);
  const std::string body(kMaxAnswer + 1, 'x');
  race.Enter(0, Echo(body));
  const auto finish = race.Next(Soon());
  ASSERT_TRUE(finish.has_value());
  EXPECT_TRUE(std::holds_alternative<Failure>(finish->outcome));
}

TEST_F(RaceTest, ARequestThatCannotBeMadeArrivesAsAFailure) {
  Race race(identity_, kMaxAnswer);
  race.Enter(0, {"gopher://127.0.0.1/", {}, nullptr, {seconds(60), seconds(30)}});
  const auto finish = race.Next(Soon());
  ASSERT_TRUE(finish.has_value());
  EXPECT_TRUE(std::holds_alternative<Failure>(finish->outcome));
}

TEST_F(RaceTest, EndsWithWhatRuns) {
  auto race = std::make_unique<Race>(identity_, kMaxAnswer);
  race->Enter(0, Never());
  EXPECT_FALSE(race->Next(Clock::now()).has_value());
  race.reset();
}

}  // namespace
}  // namespace twinseal::https
