// Callers whose links go bad.
#include <thread>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/unique_fd.h"
#include "common/client/caller.h"
#include "tests/support/relay.h"
#include "tests/unit/common/client/site_fixture.h"

namespace twinseal::client {
namespace {

using std::chrono::milliseconds;
using test::Relay;
using testing::ElementsAre;
using testing::HasSubstr;

std::string At(std::uint16_t port) { return "https://127.0.0.1:" + std::to_string(port); }

class LinkTest : public SiteTest {};

// Listens, and takes no connection.
class Hole {
 public:
  Hole() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_.get(), generic, length), 0);
    EXPECT_EQ(listen(fd_.get(), 16), 0);
    EXPECT_EQ(getsockname(fd_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

TEST_F(LinkTest, AnEndpointThatSaysNothingIsPassedBy) {
  const Hole hole;
  const auto caller = Knowing({At(hole.port()), b_.Endpoint()});
  EXPECT_EQ(Call(*caller), "b");
}

TEST_F(LinkTest, TellsOfAnEndpointThatTakesNoConnection) {
  const Hole hole;
  const Status status = TryCall(*Knowing({At(hole.port())}), {.timeout = milliseconds(500)});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_THAT(status.error().message(), HasSubstr("did not take the connection in time"));
}

TEST_F(LinkTest, AKeptConnectionThatDiedWithoutAWordCostsAMoment) {
  Relay link(a_.port());
  const auto caller = Knowing({At(link.port()), b_.Endpoint()});
  v1::Key key;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(caller->CallAt(0, kPath, v1::CreateKeyRequest(), key).ok());
  link.Freeze();
  EXPECT_EQ(Call(*caller), "b");
  EXPECT_EQ(Call(*caller), "b");
  EXPECT_EQ(a_.requests(), 3U);
}

TEST_F(LinkTest, AllEndpointsAreBackWithinTheDeadline) {
  Relay to_a(0);
  Relay to_b(0);
  const auto caller = Knowing({At(to_a.port()), At(to_b.port())});
  std::string result;
  std::thread calling([&] { result = Call(*caller); });
  EXPECT_EQ(Call(*caller, {.persist = milliseconds(0)}), "unavailable");
  to_b.Lead(b_.port());
  calling.join();
  EXPECT_EQ(result, "b");
}

// libcurl sends a request again by itself when a connection that it has kept dies with it.
TEST_F(LinkTest, WhatMayNotBeRepeatedIsSentOnceAlsoWhenAKeptConnectionDies) {
  Relay link(a_.port());
  const auto caller = Knowing({At(link.port())});
  EXPECT_EQ(Call(*caller), "a");
  a_.Be(Site::Manner::kHold);
  std::thread cutter([&] {
    a_.AwaitRequests(2);
    link.Cut();
  });
  EXPECT_EQ(Call(*caller, {.repeatable = false}), "unavailable");
  cutter.join();
  EXPECT_EQ(a_.requests(), 2U);
}

TEST_F(LinkTest, ManyIdleConnectionsEndWithTheCaller) {
  auto caller = Knowing({a_.Endpoint()});
  a_.Be(Site::Manner::kHold);
  std::vector<std::thread> threads;
  threads.reserve(16);
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { EXPECT_EQ(Call(*caller), "a"); });
  a_.AwaitRequests(16);
  a_.Be(Site::Manner::kServe);
  a_.Release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(a_.connections(), 16U);
  caller.reset();
  EXPECT_EQ(Call(*Knowing({a_.Endpoint()})), "a");
}

TEST_F(LinkTest, OtherHostsAreCalledThroughTheProxy) {
  const Relay proxy(a_.port(), Relay::Kind::kProxy);
  connect::ClientOptions options = Options({"https://192.0.2.7:8443"});
  options.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  options.any_server = true;
  options.ca_pem.clear();
  EXPECT_EQ(Call(*Make(std::move(options))), "a");
  EXPECT_THAT(proxy.Asked(), ElementsAre("CONNECT 192.0.2.7:8443 HTTP/1.1"));
}

TEST_F(LinkTest, ThisHostIsNotCalledThroughTheProxy) {
  const Relay proxy(0, Relay::Kind::kProxy);
  connect::ClientOptions options = Options({a_.Endpoint()});
  options.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(Call(*Make(std::move(options))), "a");
  EXPECT_THAT(proxy.Asked(), ElementsAre());
}

TEST_F(LinkTest, AProxyThatLeadsNowhereHasNotSentTheRequest) {
  const Relay proxy(0, Relay::Kind::kProxy);
  connect::ClientOptions options = Options({"https://192.0.2.7:8443", b_.Endpoint()});
  options.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(Call(*Make(std::move(options)), {.repeatable = false}), "b");
}

TEST_F(LinkTest, TheServersCertificateIsLookedAtUnlessAnyWillDo) {
  const Site stranger("stranger", test::TestCa("Another CA"));
  connect::ClientOptions options = Options({stranger.Endpoint()});
  EXPECT_EQ(Call(*Make(Options({stranger.Endpoint()}))), "unauthenticated");
  options.any_server = true;
  options.certificate_pem.clear();
  EXPECT_TRUE(Make(std::move(options))->GetAt(0, "/healthz").ok());
}

}  // namespace
}  // namespace twinseal::client
