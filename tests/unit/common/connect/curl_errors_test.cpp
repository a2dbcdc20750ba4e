// Callers tell what is wrong with a connection.
#include "common/connect/curl_errors.h"

#include <cerrno>

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <openssl/x509_vfy.h>

#include "tests/unit/common/connect/server_fixture.h"

namespace twinseal::connect {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CurlErrorsTest : public ServerTest {
 protected:
  Status Echo(client::Caller& client) {
    v1::CreateKeyRequest request;
    request.set_name("code-signing");
    const Status status =
        client.Call(kEcho, request, key_, {.persist = std::chrono::milliseconds(0)});
    if (status.ok()) {
      EXPECT_EQ(key_.name(), "code-signing");
    }
    return status;
  }
  static std::unique_ptr<client::Caller> Make(ClientOptions options) {
    Result<std::unique_ptr<client::Caller>> client = client::Caller::Create(std::move(options));
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

TEST_F(CurlErrorsTest, BringsTheServersError) {
  Start();
  const auto client = CurlClient();
  const Status status = client->Call(kClosed, v1::CreateKeyRequest(), key_);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kPermissionDenied);
  EXPECT_EQ(status.error().message(), "nobody may");
}

TEST_F(CurlErrorsTest, TellsThatNobodyListens) {
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

TEST_F(CurlErrorsTest, TellsThatTheServerIsOfAnotherCa) {
  Start();
  ClientOptions options = CurlOptions();
  options.ca_pem = TestCa("Another CA").certificate().Pem();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("configured CA did not issue"));
}

TEST_F(CurlErrorsTest, TellsThatTheServersCertificateHasExpired) {
  tls_ = ca_.ServerTls(ca_.Server(TestCa::Days(-1)));
  Start();
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("has expired"));
}

TEST_F(CurlErrorsTest, TellsThatTheServerHasAnotherName) {
  Start();
  ClientOptions options = CurlOptions();
  options.endpoints = {"https://localhost:" + std::to_string(server_->port())};
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message(), HasSubstr("another name"));
}

TEST_F(CurlErrorsTest, TellsThatItsCertificateIsOfAnotherCa) {
  Start();
  operator_ = TestCa("Another CA").Client("alice");
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("another CA issued it"));
}

TEST_F(CurlErrorsTest, TellsThatItsCertificateHasExpired) {
  Start();
  operator_ = ca_.Client("alice", TestCa::Days(-1));
  const Status status = Echo(*CurlClient());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("ask an operator for a new one"));
}

TEST_F(CurlErrorsTest, TellsThatItHasNoCertificate) {
  Start();
  ClientOptions options = CurlOptions();
  options.certificate_pem.clear();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
  EXPECT_THAT(status.error().message(), HasSubstr("without a client certificate"));
}

TEST_F(CurlErrorsTest, TellsThatTheTimeIsOver) {
  Start();
  const auto client = CurlClient();
  // So that the time is the call's, and not that of a handshake on a slow machine.
  ASSERT_TRUE(Echo(*client).ok());
  const Status status =
      client->Call(kHold, v1::CreateKeyRequest(), key_, {.timeout = std::chrono::milliseconds(50)});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kDeadlineExceeded);
}

TEST_F(CurlErrorsTest, NamesEachEndpointThatFailed) {
  const std::string dead = DeadEndpoint();
  ClientOptions options;
  options.endpoints = {dead, dead + "/"};
  options.ca_pem = ca_.certificate().Pem();
  const Status status = Echo(*Make(std::move(options)));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_THAT(status.error().message(), HasSubstr("no endpoint could be used"));
}

TEST(ErrorOfTransferTest, TellsPlainHttpServers) {
  const Error error =
      ErrorOfTransfer("https://a", {CURLE_SSL_CONNECT_ERROR, 0, 0, false, "wrong version number"});
  EXPECT_EQ(error.code(), Code::kUnavailable);
  EXPECT_THAT(error.message(), HasSubstr("does not speak TLS"));
}

TEST(ErrorOfTransferTest, OnlyTrustThatIsMissingForGoodLasts) {
  const auto lasts = [](long verify_result) {
    return IsLasting({CURLE_PEER_FAILED_VERIFICATION, 0, verify_result, false, ""});
  };
  EXPECT_TRUE(lasts(X509_V_ERR_CERT_HAS_EXPIRED));
  EXPECT_TRUE(lasts(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY));
  // Of an appliance that is starting.
  EXPECT_FALSE(lasts(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT));
  EXPECT_FALSE(IsLasting({CURLE_COULDNT_CONNECT, ECONNREFUSED, 0, false, ""}));
}

TEST(ErrorOfTransferTest, TellsTimeoutsApart) {
  EXPECT_EQ(ErrorOfTransfer("a", {CURLE_OPERATION_TIMEDOUT, 0, 0, false, ""}).code(),
            Code::kUnavailable);
  EXPECT_EQ(ErrorOfTransfer("a", {CURLE_OPERATION_TIMEDOUT, 0, 0, true, ""}).code(),
            Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace twinseal::connect
