#include "common/connect/client_options.h"

#include <gmock/gmock.h>

#include "tests/support/certificates.h"

namespace twinseal::connect {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ClientOptionsTest : public testing::Test {
 protected:
  ClientOptions Options(const std::string& endpoint = "https://a") {
    ClientOptions options;
    options.endpoints = {endpoint};
    options.ca_pem = ca_.certificate().Pem();
    return options;
  }
  static std::string ErrorOf(ClientOptions options) {
    const Status status = CheckOptions(options);
    return status.ok() ? "" : status.error().message();
  }

  test::TestCa ca_;
};

TEST_F(ClientOptionsTest, AnEndpointIsAnHttpsUrlWithoutAPath) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("no endpoint"));
  EXPECT_THAT(ErrorOf(Options("http://a:1")), HasSubstr("'http://a:1' is not an endpoint"));
  EXPECT_THAT(ErrorOf(Options("https://")), HasSubstr("not an endpoint"));
  EXPECT_THAT(ErrorOf(Options("https://a/b")), HasSubstr("not an endpoint"));
  EXPECT_THAT(ErrorOf(Options("https://user@a")), HasSubstr("not an endpoint"));
  EXPECT_EQ(ErrorOf(Options("https://[2001:db8::1]:8443")), "");
}

TEST_F(ClientOptionsTest, SlashesAtTheEndAreTakenOff) {
  ClientOptions options = Options("https://a:8443//");
  ASSERT_TRUE(CheckOptions(options).ok());
  EXPECT_EQ(options.endpoints.front(), "https://a:8443");
}

TEST_F(ClientOptionsTest, TheCaMustBeReadableUnlessAnyServerWillDo) {
  ClientOptions no_ca = Options();
  no_ca.ca_pem = "nothing";
  no_ca.any_server = true;
  EXPECT_TRUE(CheckOptions(no_ca).ok());
  no_ca.any_server = false;
  EXPECT_THAT(ErrorOf(std::move(no_ca)), HasSubstr("the CA certificate cannot be read"));
}

TEST_F(ClientOptionsTest, CertificateAndKeyBelongTogether) {
  const test::Identity alice = ca_.Client("alice");
  ClientOptions options = Options();
  options.certificate_pem = alice.CertificatePem();
  options.key_pem = alice.KeyPem();
  EXPECT_TRUE(CheckOptions(options).ok());
  options.key_pem = ca_.Client("bob").KeyPem();
  EXPECT_THAT(ErrorOf(std::move(options)), HasSubstr("not of the client's key"));
}

TEST_F(ClientOptionsTest, AProxyIsHostAndPortAndWhatElseStandsThereIsNotRepeated) {
  const auto with = [this](const std::string& proxy) {
    ClientOptions options = Options();
    options.proxy = proxy;
    return ErrorOf(std::move(options));
  };
  EXPECT_EQ(with(""), "");
  EXPECT_EQ(with("http://proxy.example:3128"), "");
  for (const char* const wrong : {"proxy:3128", "https://proxy:3128", "http://proxy", "http://",
                                  "http://user:hunter2@proxy:3128", "http://proxy:3128/x"}) {
    EXPECT_THAT(with(wrong), AllOf(HasSubstr("http://HOST:PORT"), Not(HasSubstr("hunter2"))))
        << wrong;
  }
}

}  // namespace
}  // namespace twinseal::connect
