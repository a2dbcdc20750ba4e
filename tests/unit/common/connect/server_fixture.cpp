#include "tests/unit/common/connect/server_fixture.h"

#include <stdexcept>

namespace twinseal::connect {

Router ServerTest::Routes() {
  const auto echo = [](const CallContext& context, const Result<v1::CreateKeyRequest>& query,
                       const Reply<v1::Key>& reply) {
    if (!query.ok()) return reply(query.error());
    v1::Key key;
    key.set_name(query->name());
    if (context.peer != nullptr && !context.peer->uris().empty())
      key.set_key_id(context.peer->uris().front());
    reply(key);
  };
  Router router;
  router.Add<v1::CreateKeyRequest, v1::Key>(std::string(kEcho), Access::Certificate(), echo);
  router.Add<v1::CreateKeyRequest, v1::Key>(std::string(kSmall), Access::Certificate(), echo,
                                            {.max_body_bytes = 64});
  router.Add<v1::CreateKeyRequest, v1::Key>(
      std::string(kHold), Access::Certificate(),
      [this](const CallContext&, const Result<v1::CreateKeyRequest>&, Reply<v1::Key> reply) {
        held_.Hold(std::move(reply));
      });
  router.Add<v1::CreateKeyRequest, v1::Key>(
      std::string(kDrop), Access::Certificate(),
      [](const CallContext&, const Result<v1::CreateKeyRequest>&, const Reply<v1::Key>&) {});
  router.Add<v1::CreateKeyRequest, v1::Key>(
      std::string(kThrow), Access::Certificate(),
      [](const CallContext&, const Result<v1::CreateKeyRequest>&, const Reply<v1::Key>&) {
        throw std::runtime_error("a handler's fault");
      });
  router.Add<v1::CreateKeyRequest, v1::Key>(std::string(kClosed),
                                            Access::If([](const crypto::Certificate&) -> Status {
                                              return Error(Code::kPermissionDenied, "nobody may");
                                            }),
                                            echo);
  router.AddGet(std::string(kHealth), Access::Anyone(),
                [](const Request&, const Responder& responder) {
                  responder.Send({200, "text/plain", "ok\n", std::nullopt});
                });
  router.AddPost(
      std::string(kPlain), Access::Anyone(), {"application/ocsp-request"},
      [](const Request& request, const Responder& responder) {
        responder.Send({200, "application/ocsp-response", ToString(request.body), std::nullopt});
      });
  return router;
}

void ServerTest::Start(ServerLimits limits, unsigned threads) {
  ServerOptions options;
  options.threads = threads;
  options.limits = limits;
  options.tls = [this] { return tls_; };
  options.observer = [this](const Observation& seen) { observations_.Add(seen); };
  Result<std::unique_ptr<Server>> server = Server::Start(std::move(options), Routes());
  ASSERT_TRUE(server.ok()) << server.error().Describe();
  server_ = *std::move(server);
}

std::unique_ptr<RawClient> ServerTest::Connected() {
  auto client = std::make_unique<RawClient>(server_->port());
  EXPECT_TRUE(client->Handshake(&operator_)) << client->LastError();
  return client;
}

std::unique_ptr<RawClient> ServerTest::Anonymous() {
  auto client = std::make_unique<RawClient>(server_->port());
  EXPECT_TRUE(client->Handshake(nullptr)) << client->LastError();
  return client;
}

ClientOptions ServerTest::CurlOptions() {
  ClientOptions options;
  options.endpoints = {Endpoint()};
  options.ca_pem = ca_.certificate().Pem();
  options.certificate_pem = operator_.CertificatePem();
  options.key_pem = operator_.KeyPem();
  // Handshakes of many clients at once may take long on a machine that is busy.
  options.connect_timeout = std::chrono::seconds(30);
  return options;
}

std::unique_ptr<client::Caller> ServerTest::CurlClient() {
  Result<std::unique_ptr<client::Caller>> client = client::Caller::Create(CurlOptions());
  EXPECT_TRUE(client.ok()) << client.error().Describe();
  return *std::move(client);
}

}  // namespace twinseal::connect
