#include "common/connect/client.h"

#include <thread>

#include <curl/curl.h>
#include <gmock/gmock.h>

#include "common/connect/curl_errors.h"
#include "tests/unit/common/connect/server_fixture.h"

namespace twinseal::connect {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ClientTest : public ServerTest {
 protected:
  Status Echo(Client& client, const CallOptions& options = {}) {
    v1::CreateKeyRequest request;
    request.set_name("code-signing");
    const Status status = client.Call(kEcho, request, key_, options);
    if (status.ok()) {
      EXPECT_EQ(key_.name(), "code-signing");
    }
    return status;
  }
  static std::unique_ptr<Client> Make(ClientOptions options) {
    Result<std::unique_ptr<Client>> client = Client::Create(std::move(options));
    EXPECT_TRUE(client.ok()) << client.error().Describe();
    return *std::move(client);
  }
  // An endpoint where nobody listens: a port that was free a moment ago.
  std::string DeadEndpoint() {
    Start();
    std::string endpoint = Endpoint();
    server_.reset();
    return endpoint;
  }

  v1::Key key_;
};

TEST_F(ClientTest, KeepsItsConnection) {
  Start();
  const auto client = CurlClient();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Echo(*client).ok());
  EXPECT_EQ(server_->counts().connections_accepted, 1U);
}

TEST_F(ClientTest, BringsTheServersError) {
  Start();
  const auto client = CurlClient();
  const Status status = client->Call(kClosed, v1::CreateKeyRequest(), key_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kPermissionDenied);
  EXPECT_EQ(status.error().message(), "nobody may");
}

TEST_F(ClientTest, GetsPlainPaths) {
  Start();
  const auto client = CurlClient();
  const auto health = client->GetAt(0, kHealth);
  ASSERT_TRUE(health.ok()) << health.error().Describe();
  EXPECT_EQ(*health, "ok\n");
  EXPECT_FALSE(client->GetAt(0, "/nothing").ok());
  EXPECT_TRUE(Echo(*client).ok());
}

TEST_F(ClientTest, TellsThatNobodyListens) {
  const std::string endpoint = DeadEndpoint();
  ClientOptions options;
  options.endpoints = {endpoint};
  options.ca_pem = ca_.certificate().Pem();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_THAT(
      status.error().message(),
      AllOf(HasSubstr(endpoint), HasSubstr("refused the connection; is the appliance running")));
}

TEST_F(ClientTest, TellsThatTheServerIsOfAnotherCa) {
  Start();
  ClientOptions options = CurlOptions();
  options.ca_pem = TestCa("Another CA").certificate().Pem();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("configured CA did not issue"));
}

TEST_F(ClientTest, TellsThatTheServersCertificateHasExpired) {
  tls_ = ca_.ServerTls(ca_.Server(TestCa::Days(-1)));
  Start();
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("has expired"));
}

TEST_F(ClientTest, TellsThatTheServerHasAnotherName) {
  Start();
  ClientOptions options = CurlOptions();
  options.endpoints = {"https://localhost:" + std::to_string(server_->port())};
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("another name"));
}

TEST_F(ClientTest, TellsThatItsCertificateIsOfAnotherCa) {
  Start();
  operator_ = TestCa("Another CA").Client("alice");
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("another CA issued it"));
}

TEST_F(ClientTest, TellsThatItsCertificateHasExpired) {
  Start();
  operator_ = ca_.Client("alice", TestCa::Days(-1));
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("ask an operator for a new one"));
}

TEST_F(ClientTest, TellsThatItHasNoCertificate) {
  Start();
  ClientOptions options = CurlOptions();
  options.certificate_pem.clear();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("without a client certificate"));
}

TEST_F(ClientTest, TellsThatTheTimeIsOver) {
  Start();
  const auto client = CurlClient();
  // So that the time is the call's, and not that of a handshake on a slow machine.
  ASSERT_TRUE(Echo(*client).ok());
  const Status status =
      client->Call(kHold, v1::CreateKeyRequest(), key_, {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kDeadlineExceeded);
}

TEST_F(ClientTest, GoesOnToTheNextEndpointAndStaysThere) {
  const std::string dead = DeadEndpoint();
  Start();
  ClientOptions options = CurlOptions();
  if (options.endpoints.front() == dead) GTEST_FAIL() << "the dead port was taken again at once";
  options.endpoints.insert(options.endpoints.begin(), dead);
  const auto client = Make(std::move(options));
  EXPECT_TRUE(Echo(*client).ok());
  EXPECT_TRUE(Echo(*client, {.repeatable = false}).ok());
  EXPECT_EQ(client->CallAt(0, kEcho, v1::CreateKeyRequest(), key_).error().code(),
            Code::kUnavailable);
}

TEST_F(ClientTest, NamesEachEndpointThatFailed) {
  const std::string dead = DeadEndpoint();
  ClientOptions options;
  options.endpoints = {dead, dead + "/"};
  options.ca_pem = ca_.certificate().Pem();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_THAT(status.error().message(), HasSubstr("no endpoint could be used"));
}

TEST_F(ClientTest, DoesNotRepeatWhatMustNotBe) {
  Start();
  const std::string first = Endpoint();
  std::unique_ptr<Server> dying = std::move(server_);
  Start();
  ClientOptions options = CurlOptions();
  options.endpoints = {first, Endpoint()};
  const auto client = Make(std::move(options));
  // The first server takes the call and stops without an answer, so nobody knows whether it was
  // done.
  std::thread stopper([&] {
    const Reply<v1::Key> reply = held_.Take();
    dying->Stop(std::chrono::milliseconds(0));
  });
  const Status status = client->Call(kHold, v1::CreateKeyRequest(), key_, {.repeatable = false});
  stopper.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_EQ(server_->counts().connections_accepted, 0U);
}

TEST_F(ClientTest, RefusesWrongOptions) {
  const auto error_of = [](ClientOptions options) {
    return Client::Create(std::move(options)).error().message();
  };
  const auto options = [this](const std::string& endpoint) {
    ClientOptions made;
    made.endpoints = {endpoint};
    made.ca_pem = ca_.certificate().Pem();
    return made;
  };
  EXPECT_THAT(error_of({}), HasSubstr("no endpoint"));
  EXPECT_THAT(error_of(options("http://a:1")), HasSubstr("'http://a:1' is not an endpoint"));
  EXPECT_THAT(error_of(options("https://")), HasSubstr("not an endpoint"));
  EXPECT_THAT(error_of(options("https://a/b")), HasSubstr("not an endpoint"));
  ClientOptions no_ca = options("https://a");
  no_ca.ca_pem = "nothing";
  EXPECT_THAT(error_of(std::move(no_ca)), HasSubstr("the CA certificate cannot be read"));
  ClientOptions other_key = options("https://a");
  other_key.certificate_pem = operator_.CertificatePem();
  other_key.key_pem = appliance_.KeyPem();
  EXPECT_THAT(error_of(std::move(other_key)), HasSubstr("not of the client's key"));
}

TEST(ErrorOfTransferTest, TellsPlainHttpServers) {
  const Error error =
      ErrorOfTransfer("https://a", {CURLE_SSL_CONNECT_ERROR, 0, 0, false, "wrong version number"});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.message(), HasSubstr("does not speak TLS"));
}

TEST(ErrorOfTransferTest, TellsTimeoutsApart) {
  EXPECT_EQ(ErrorOfTransfer("a", {CURLE_OPERATION_TIMEDOUT, 0, 0, false, ""}).code(),
            Code::kUnavailable);
  EXPECT_EQ(ErrorOfTransfer("a", {CURLE_OPERATION_TIMEDOUT, 0, 0, true, ""}).code(),
            Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace twinseal::connect
