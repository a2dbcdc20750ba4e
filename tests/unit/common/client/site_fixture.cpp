#include "tests/unit/common/client/site_fixture.h"

#include <stdexcept>

namespace twinseal::client {

Site::Site(std::string name, const test::TestCa& ca) : name_(std::move(name)) {
  connect::Router router;
  router.Add<v1::CreateKeyRequest, v1::Key>(
      "/test.Service/Make", connect::Access::Certificate(),
      [this](const connect::CallContext&, const Result<v1::CreateKeyRequest>& request,
             connect::Reply<v1::Key> reply) {
        if (!request.ok()) return reply(request.error());
        Handle(*request, std::move(reply));
      });
  router.AddGet("/healthz", connect::Access::Anyone(),
                [](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({200, "text/plain", "ok\n", std::nullopt});
                });
  connect::ServerOptions options;
  options.tls = [tls = ca.ServerTls(ca.Server())] { return tls; };
  auto server = connect::Server::Start(std::move(options), std::move(router));
  if (!server.ok()) throw std::runtime_error(server.error().Describe());
  server_ = *std::move(server);
}

void Site::Handle(const v1::CreateKeyRequest& request, connect::Reply<v1::Key> reply) {
  v1::Key key;
  key.set_name(name_);
  key.set_key_id(request.name());
  Manner manner{};
  {
    const MutexLock lock(mutex_);
    ids_.push_back(request.request_id());
    manner = manner_;
    changed_.NotifyAll();
    if (manner == Manner::kHold) held_.push_back({key, reply});
  }
  if (manner == Manner::kRefuse) return reply(Error(Code::kUnavailable, name_ + " is draining"));
  if (manner == Manner::kForbid) return reply(Error(Code::kPermissionDenied, name_ + " says no"));
  if (manner == Manner::kHold) return;
  reply(key);
}

void Site::Be(Manner manner) {
  const MutexLock lock(mutex_);
  manner_ = manner;
}

void Site::Release() {
  std::vector<Held> held;
  {
    const MutexLock lock(mutex_);
    held.swap(held_);
  }
  for (const Held& one : held) one.reply(one.key);
}

std::size_t Site::requests() const {
  const MutexLock lock(mutex_);
  return ids_.size();
}

void Site::AwaitRequests(std::size_t count) {
  const MutexLock lock(mutex_);
  while (ids_.size() < count) changed_.Wait(mutex_);
}

std::vector<std::string> Site::ids() const {
  const MutexLock lock(mutex_);
  return ids_;
}

connect::ClientOptions SiteTest::Options(std::vector<std::string> endpoints) const {
  connect::ClientOptions options;
  options.endpoints = std::move(endpoints);
  options.ca_pem = ca_.certificate().Pem();
  options.certificate_pem = client_.CertificatePem();
  options.key_pem = client_.KeyPem();
  return options;
}

std::unique_ptr<Caller> SiteTest::Make(connect::ClientOptions options) const {
  Result<std::unique_ptr<Caller>> caller = Caller::Create(std::move(options));
  EXPECT_TRUE(caller.ok()) << caller.error().Describe();
  return *std::move(caller);
}

std::string SiteTest::Call(Caller& caller, const connect::CallOptions& options) {
  v1::CreateKeyRequest request;
  request.set_name("code-signing");
  request.set_request_id("0123456789abcdef");
  v1::Key key;
  const Status status = caller.Call(kPath, request, key, options);
  if (!status.ok()) return std::string(CodeName(status.error().code()));
  EXPECT_EQ(key.key_id(), "code-signing");
  return key.name();
}

Status SiteTest::TryCall(Caller& caller, const connect::CallOptions& options) {
  v1::Key key;
  return caller.Call(kPath, v1::CreateKeyRequest(), key, options);
}

}  // namespace twinseal::client
