#include "common/connect/server.h"

#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "tests/unit/common/connect/server_fixture.h"

namespace twinseal::connect {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST_F(ServerTest, AnswersJson) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(JsonPost(kEcho, R"({"name":"code-signing"})")));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_EQ(answer.body, R"({"keyId":"twinseal:operator/alice","name":"code-signing"})");
}

TEST_F(ServerTest, AnswersProto) {
  Start();
  v1::CreateKeyRequest request;
  request.set_name("code-signing");
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      PostText(kEcho, "Content-Type: application/proto\r\nConnect-Protocol-Version: 1\r\n",
               request.SerializeAsString())));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "application/proto");
  v1::Key key;
  ASSERT_TRUE(key.ParseFromString(answer.body));
  EXPECT_EQ(key.name(), "code-signing");
}

TEST_F(ServerTest, KeepsTheConnectionAndTakesPipelinedRequests) {
  Start();
  const auto client = Connected();
  std::string requests;
  for (int i = 0; i < 20; ++i)
    requests += JsonPost(kEcho, R"({"name":"k)" + std::to_string(i) + R"("})");
  ASSERT_TRUE(client->Send(requests));
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(client->ReadAnswer().body, HasSubstr("\"k" + std::to_string(i) + "\""));
  }
  EXPECT_EQ(server_->counts().connections_accepted, 1U);
  EXPECT_EQ(server_->counts().requests_answered, 20U);
}

TEST_F(ServerTest, TakesARequestByteByByte) {
  Start();
  const auto client = Connected();
  for (const char c : JsonPost(kEcho, R"({"name":"slow"})"))
    ASSERT_TRUE(client->Send(std::string_view(&c, 1)));
  EXPECT_EQ(client->ReadAnswer().status, 200);
}

TEST_F(ServerTest, TakesAChunkedBody) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      "POST /test.Service/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json; "
      "charset=utf-8\r\n"
      "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n5\r\n\"ab\"}\r\n0\r\n\r\n"));
  EXPECT_THAT(client->ReadAnswer().body, HasSubstr("\"ab\""));
  ASSERT_TRUE(client->Send(GetText(kHealth)));
  EXPECT_EQ(client->ReadAnswer().status, 200);
}

TEST_F(ServerTest, SendsContinueWhenAsked) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(
      "POST /test.Service/Echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client->ReadAnswer().status, 100);
  ASSERT_TRUE(client->Send("{}"));
  EXPECT_EQ(client->ReadAnswer().status, 200);
}

TEST_F(ServerTest, HealthNeedsNoCertificate) {
  Start();
  const auto client = Anonymous();
  ASSERT_TRUE(client->Send(GetText("/healthz?verbose=1")));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok\n");
}

TEST_F(ServerTest, TakesAPlainPost) {
  Start();
  const auto client = Anonymous();
  ASSERT_TRUE(client->Send(PostText(kPlain, "Content-Type: application/ocsp-request\r\n", "abc")));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.headers.at("content-type"), "application/ocsp-response");
  EXPECT_EQ(answer.body, "abc");
}

TEST_F(ServerTest, RefusesACallWithoutACertificate) {
  Start();
  const auto client = Anonymous();
  ASSERT_TRUE(client->Send(JsonPost(kEcho, "{}")));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 401);
  EXPECT_THAT(answer.body, HasSubstr(R"("code":"unauthenticated")"));
  // The small body was dropped, so the connection goes on.
  ASSERT_TRUE(client->Send(GetText(kHealth)));
  EXPECT_EQ(client->ReadAnswer().status, 200);
}

TEST_F(ServerTest, TellsNobodyWithoutACertificateWhichPathsThereAre) {
  Start();
  const auto client = Anonymous();
  ASSERT_TRUE(client->Send(JsonPost("/no.Such/Thing", "{}")));
  EXPECT_EQ(client->ReadAnswer().status, 401);
}

TEST_F(ServerTest, AsksTheRoutesCheck) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(JsonPost(kClosed, "{}")));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, R"({"code":"permission_denied","message":"nobody may"})");
}

TEST_F(ServerTest, RefusesACertificateOfAnotherCa) {
  Start();
  const TestCa other("Test CA");
  const Identity stranger = other.Client("alice");
  RawClient client(server_->port());
  EXPECT_TRUE(client.Handshake(&stranger)) << client.LastError();
  client.Send(GetText(kHealth));
  EXPECT_EQ(client.ReadAnswer().status, 0);
  EXPECT_THAT(client.LastError(), HasSubstr("alert unknown ca"));
  server_->Stop(std::chrono::seconds(5));
  EXPECT_EQ(server_->counts().handshakes_failed, 1U);
}

TEST_F(ServerTest, RefusesAnExpiredCertificate) {
  Start();
  const Identity late = ca_.Client("late", TestCa::Days(-1));
  RawClient client(server_->port());
  EXPECT_TRUE(client.Handshake(&late)) << client.LastError();
  EXPECT_EQ(client.ReadAnswer().status, 0);
  EXPECT_THAT(client.LastError(), HasSubstr("alert certificate expired"));
}

TEST_F(ServerTest, RefusesAServersCertificateAsAClients) {
  Start();
  const Identity server = ca_.Server();
  RawClient client(server_->port());
  EXPECT_TRUE(client.Handshake(&server)) << client.LastError();
  EXPECT_EQ(client.ReadAnswer().status, 0);
  EXPECT_THAT(client.LastError(), HasSubstr("alert"));
}

TEST_F(ServerTest, SpeaksNothingOlderThanTls13) {
  Start();
  RawClient client(server_->port());
  EXPECT_FALSE(client.Handshake(&operator_, TLS1_2_VERSION));
  EXPECT_THAT(client.LastError(), HasSubstr("alert protocol version"));
}

TEST_F(ServerTest, TellsPlainHttpWhatPortThisIs) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(GetText(kHealth)));
  const RawAnswer answer = client.ReadAnswer();
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "This port speaks HTTPS; call it with https:// URLs\n");
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, HangsUpOnWhatIsNeitherTlsNorHttp) {
  Start();
  RawClient client(server_->port());
  ASSERT_TRUE(client.Send(std::string_view("\0\0\0\0", 4)));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(ServerTest, ShowsTheCertificateOfTheMoment) {
  Start();
  const auto before = Connected();
  tls_ = ca_.ServerTls(ca_.Server());
  EXPECT_EQ(CurlClient()->GetAt(0, kHealth).ok(), true);
  // What is open goes on.
  ASSERT_TRUE(before->Send(GetText(kHealth)));
  EXPECT_EQ(before->ReadAnswer().status, 200);
}

struct BadRequest {
  std::string name;
  std::string text;
  int status;
  std::string code;
  std::string words;
};

class BadRequestTest : public ServerTest, public testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedAndTold) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(GetParam().text));
  const RawAnswer answer = client->ReadAnswer();
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_THAT(answer.body, HasSubstr("\"code\":\"" + GetParam().code + "\""));
  EXPECT_THAT(answer.body, HasSubstr(GetParam().words));
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_LT(answer.body.size(), 500U);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    testing::Values(
        BadRequest{"UnknownProcedure", JsonPost("/test.Service/Nothing", "{}"), 404,
                   "unimplemented", "/test.Service/Nothing"},
        BadRequest{"GetOfAProcedure", GetText("/test.Service/Echo"), 405, "unimplemented", "POST"},
        BadRequest{"PostToHealth", JsonPost("/healthz", "{}"), 405, "unimplemented", "GET"},
        BadRequest{"OtherContentType",
                   PostText("/test.Service/Echo", "Content-Type: text/xml\r\n", "<a/>"), 415,
                   "invalid_argument", "text/xml"},
        BadRequest{"NoContentType", PostText("/test.Service/Echo", "", "{}"), 415,
                   "invalid_argument", "application/json"},
        BadRequest{"Compressed",
                   PostText("/test.Service/Echo",
                            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}"),
                   501, "unimplemented", "compressed"},
        BadRequest{
            "OtherProtocolVersion",
            PostText("/test.Service/Echo",
                     "Content-Type: application/json\r\nConnect-Protocol-Version: 2\r\n", "{}"),
            400, "invalid_argument", "Connect-Protocol-Version"},
        BadRequest{"BadTimeout",
                   PostText("/test.Service/Echo",
                            "Content-Type: application/json\r\nConnect-Timeout-Ms: -1\r\n", "{}"),
                   400, "invalid_argument", "Connect-Timeout-Ms"},
        BadRequest{"MalformedJson", JsonPost("/test.Service/Echo", R"({"name" "x"})"), 400,
                   "invalid_argument", "at byte 8"},
        BadRequest{"UnknownField", JsonPost("/test.Service/Echo", R"({"policy":{"extra":1}})"), 400,
                   "invalid_argument", "extra"},
        BadRequest{
            "MalformedProto",
            PostText("/test.Service/Echo", "Content-Type: application/proto\r\n", "\x12\x7f"), 400,
            "invalid_argument", "name"},
        BadRequest{"BodyTooLarge",
                   JsonPost("/test.Service/Small", R"({"name":")" + std::string(100, 'a') + "\"}"),
                   413, "invalid_argument", "at most 64"},
        BadRequest{"NotHttp", "NONSENSE\r\n\r\n", 400, "invalid_argument", "not HTTP"},
        BadRequest{"HeaderTooLarge",
                   "GET /healthz HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", 431,
                   "invalid_argument", "16384"},
        BadRequest{"HandlerDropsTheCall", JsonPost("/test.Service/Drop", "{}"), 500, "internal",
                   "no answer"},
        BadRequest{"HandlerThrows", JsonPost("/test.Service/Throw", "{}"), 500, "internal",
                   "failed"}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(ServerTest, NamesWhatItTakesInstead) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(PostText(kEcho, "Content-Type: text/xml\r\n", "")));
  EXPECT_EQ(client->ReadAnswer().headers.at("accept-post"), "application/json, application/proto");
  ASSERT_TRUE(client->Send(GetText(kEcho)));
  EXPECT_EQ(client->ReadAnswer().headers.at("allow"), "POST");
}

TEST_F(ServerTest, ObservesEachAnswer) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(GetText(kHealth)));
  client->ReadAnswer();
  ASSERT_TRUE(client->Send(JsonPost("/a/b", "{}")));
  client->ReadAnswer();
  EXPECT_THAT(observations_.All(), ElementsAre(Pair("/healthz", 200), Pair("unknown", 404)));
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  Start();
  constexpr int kClients = 32;
  constexpr int kCalls = 25;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  const auto client = CurlClient();
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kCalls; ++j) {
        v1::CreateKeyRequest request;
        v1::Key key;
        request.set_name("k" + std::to_string(i) + "-" + std::to_string(j));
        const Status status = client->Call(kEcho, request, key);
        EXPECT_TRUE(status.ok()) << status.error().Describe();
        if (key.name() == request.name()) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kClients * kCalls);
  EXPECT_EQ(server_->counts().requests_in_flight, 0U);
}

TEST_F(ServerTest, TakesAnswersFromOtherThreads) {
  Start();
  const auto client = Connected();
  ASSERT_TRUE(client->Send(JsonPost(kHold, "{}")));
  std::thread([this] {
    v1::Key key;
    key.set_name("later");
    held_.Take()(key);
  }).join();
  EXPECT_THAT(client->ReadAnswer().body, HasSubstr("later"));
}

TEST(ServerStart, RefusesRoutesThatAreWrong) {
  const auto error_of = [](Router router) {
    ServerOptions options;
    options.tls = [] { return nullptr; };
    const auto server = Server::Start(std::move(options), std::move(router));
    return server.ok() ? std::string() : server.error().message();
  };
  const Handler handler = [](const Request&, const Responder&) {};
  Router twice;
  twice.AddGet("/a", Access::Anyone(), handler);
  twice.AddGet("/a", Access::Anyone(), handler);
  EXPECT_THAT(error_of(std::move(twice)), HasSubstr("/a was added twice"));
  Router unchecked;
  unchecked.AddGet("/b", Access::If(nullptr), handler);
  EXPECT_THAT(error_of(std::move(unchecked)), HasSubstr("/b has an access without a check"));
  Router idle;
  idle.AddGet("/c", Access::Anyone(), nullptr);
  EXPECT_THAT(error_of(std::move(idle)), HasSubstr("/c has no handler"));
  Router odd;
  odd.AddGet("d?e", Access::Anyone(), handler);
  EXPECT_THAT(error_of(std::move(odd)), HasSubstr("'d?e' is not a path"));
}

TEST_F(ServerTest, SaysThatAPortIsTaken) {
  Start();
  ServerOptions options;
  options.port = server_->port();
  options.tls = [this] { return tls_; };
  const auto second = Server::Start(std::move(options), Router());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
  EXPECT_THAT(second.error().message(), HasSubstr("another program"));
}

}  // namespace
}  // namespace twinseal::connect
