// What a server does about clients that want too much, are too slow, or are still there when it
// stops.
#include <thread>

#include <gmock/gmock.h>

#include "tests/unit/common/connect/server_fixture.h"

namespace twinseal::connect {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Short where a test waits for it, long where it must not run out.
constexpr milliseconds kShort{100};

TEST_F(ServerTest, RefusesAHugeBodyWithoutReadingIt) {
  Start();
  const auto client = Connected();
  constexpr std::size_t kHuge = 100'000'000;
  ASSERT_TRUE(
      client->Send("POST /test.Service/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: "
                   "application/json\r\nContent-Length: " +
                   std::to_string(kHuge) + "\r\n\r\n"));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_THAT(answer.body, HasSubstr("at most 1048576"));
}

TEST_F(ServerTest, AnswersAClientThatSendsItsHugeBodyRegardless) {
  Start();
  const auto client = Connected();
  const std::string piece(1 << 20, 'a');
  ASSERT_TRUE(client->Send(
      "POST /test.Service/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 100000000\r\n\r\n"));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(client->Send(piece));
  EXPECT_EQ(client->ReadAnswer().status, 413);
}

TEST_F(ServerTest, StopsReadingAChunkedBodyAtItsLimit) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      "POST /test.Service/Small HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n"));
  ASSERT_TRUE(client->Send("30\r\n" + std::string(0x30, ' ') + "\r\n30\r\n" +
                           std::string(0x30, ' ') + "\r\n"));
  EXPECT_EQ(client->ReadAnswer().status, 413);
}

TEST_F(ServerTest, CutsOffASlowBody) {
  Start({.body_timeout = kShort});
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      "POST /test.Service/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 10\r\n\r\n{"));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr("deadline_exceeded"));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(ServerTest, CutsOffASlowHeader) {
  Start({.header_timeout = kShort});
  const auto client = Connected();
  ASSERT_TRUE(client->Send("GET /healthz HT"));
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(ServerTest, CutsOffASlowHandshake) {
  Start({.handshake_timeout = kShort});
  RawClient client(server_->port());
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ClosesAnIdleConnection) {
  Start({.idle_timeout = kShort});
  const auto client = Connected();
  ASSERT_TRUE(client->Send(GetText(kHealth)));
  EXPECT_EQ(client->ReadAnswer().status, 200);
  EXPECT_TRUE(client->AtEnd());
}

TEST_F(ServerTest, TakesNoMoreConnectionsThanItsLimit) {
  Start({.max_connections = 2});
  const auto first = Connected();
  const auto second = Connected();
  RawClient third(server_->port());
  EXPECT_FALSE(third.Handshake(&operator_));
  EXPECT_EQ(server_->counts().connections_refused, 1U);
  ASSERT_TRUE(first->Send(GetText(kHealth)));
  EXPECT_EQ(first->ReadAnswer().status, 200);
}

TEST_F(ServerTest, TakesNoMoreRequestsThanItsLimit) {
  Start({.max_requests_in_flight = 1});
  const auto first = Connected();
  ASSERT_TRUE(first->Send(JsonPost(kHold, "{}")));
  const Reply<v1::Key> reply = held_.Take();
  const auto second = Connected();
  ASSERT_TRUE(second->Send(JsonPost(kEcho, "{}")));
  const RawAnswer refused = second->ReadAnswer();
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("resource_exhausted"));
  reply(v1::Key());
  EXPECT_EQ(first->ReadAnswer().status, 200);
}

TEST_F(ServerTest, AnswersAtTheCallersDeadline) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      PostText(kHold, "Content-Type: application/json\r\nConnect-Timeout-Ms: 50\r\n", "{}")));
  const Reply<v1::Key> reply = held_.Take();
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 504);
  EXPECT_THAT(answer.body, HasSubstr("deadline_exceeded"));
  // The late answer goes nowhere, and the connection is still good.
  reply(v1::Key());
  ASSERT_TRUE(client->Send(JsonPost(kEcho, R"({"name":"next"})")));
  EXPECT_THAT(client->ReadAnswer().body, HasSubstr("next"));
}

TEST_F(ServerTest, AnswersAtItsOwnDeadline) {
  Start({.request_timeout = kShort});
  const auto client = Connected();
  ASSERT_TRUE(client->Send(JsonPost(kHold, "{}")));
  const Reply<v1::Key> reply = held_.Take();
  EXPECT_EQ(client->ReadAnswer().status, 504);
}

TEST_F(ServerTest, StopFinishesWhatWasAccepted) {
  Start();
  const auto busy = Connected();
  const auto idle = Connected();
  ASSERT_TRUE(busy->Send(JsonPost(kHold, "{}")));
  const Reply<v1::Key> reply = held_.Take();
  std::thread stopper([this] { server_->Stop(seconds(20)); });
  EXPECT_TRUE(idle->AtEnd());
  v1::Key key;
  key.set_name("finished");
  reply(key);
  const RawAnswer answer = busy->ReadAnswer();
  stopper.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("finished"));
  EXPECT_EQ(answer.headers.at("connection"), "close");
  EXPECT_TRUE(busy->AtEnd());
  EXPECT_EQ(server_->counts().connections_open, 0U);
}

TEST_F(ServerTest, StopWaitsNoLongerThanItsDrain) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(JsonPost(kHold, "{}")));
  const Reply<v1::Key> reply = held_.Take();
  server_->Stop(kShort);
  EXPECT_TRUE(client->AtEnd());
  server_.reset();
  // An answer after the end of the server has no effect.
  reply(v1::Key());
}

TEST_F(ServerTest, ListensNoMoreAfterStop) {
  Start();
  const std::uint16_t port = server_->port();
  server_->Stop(seconds(1));
  RawClient client(port);
  EXPECT_FALSE(client.Handshake(&operator_));
}

}  // namespace
}  // namespace twinseal::connect
