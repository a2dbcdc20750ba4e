#include "tests/unit/agent/daemon/fake_site.h"

#include <stdexcept>
#include <utility>

namespace twinseal::test {
namespace {

// As a site lets its own procedures be called: by the agent.
connect::Access Agents() {
  return connect::Access::If([](const crypto::Certificate& peer) -> Status {
    if (peer.uris() == std::vector<std::string>{"twinseal:agent/agent"}) return Ok();
    return Error(Code::kPermissionDenied, "this is for the agent");
  });
}

}  // namespace

FakeSite::FakeSite(std::string name, const TestCa& operator_ca, const TestCa& ledger_ca)
    : name_(std::move(name)),
      operator_ca_(operator_ca),
      ledger_ca_(ledger_ca),
      tls_(operator_ca.ServerTls(operator_ca.Server())) {
  pair_.set_site(name_);
  Start();
}

void FakeSite::Start() {
  connect::ServerOptions options;
  options.port = port_;
  options.threads = 1;
  options.tls = [this] { return tls_; };
  auto server = connect::Server::Start(std::move(options), Routes());
  if (!server.ok()) throw std::runtime_error(server.error().message());
  server_ = std::move(*server);
  port_ = server_->port();
}

std::string FakeSite::api() const { return "https://127.0.0.1:" + std::to_string(port_); }

void FakeSite::NotReady(const std::string& why) {
  const MutexLock lock(mutex_);
  not_ready_ = why;
}

void FakeSite::Say(v1::GetPairResponse pair) {
  const MutexLock lock(mutex_);
  pair_ = std::move(pair);
  pair_.set_site(name_);
}

int FakeSite::certificates_issued() const {
  const MutexLock lock(mutex_);
  return issued_;
}

int FakeSite::pair_asked() const {
  const MutexLock lock(mutex_);
  return asked_;
}

void FakeSite::TakesIn(std::function<Status()> take_in) {
  const MutexLock lock(mutex_);
  take_in_ = std::move(take_in);
}

void FakeSite::RefuseCertificates() {
  const MutexLock lock(mutex_);
  refuses_ = true;
}

connect::Router FakeSite::Routes() {
  connect::Router router;
  router.AddGet(
      "/readyz", connect::Access::Anyone(),
      [this](const connect::Request&, const connect::Responder& responder) {
        const MutexLock lock(mutex_);
        const bool ready = not_ready_.empty();
        responder.Send({ready ? 200 : 503, "text/plain",
                        ready ? "ready\n" : "not ready: " + not_ready_ + "\n", std::nullopt});
      });
  router.Add<v1::GetPairRequest, v1::GetPairResponse>(
      "/twinseal.v1.SiteService/GetPair", Agents(),
      [this](const connect::CallContext&, const Result<v1::GetPairRequest>&,
             const connect::Reply<v1::GetPairResponse>& reply) {
        const MutexLock lock(mutex_);
        ++asked_;
        reply(pair_);
      });
  router.Add<v1::IssuePlaceCertificatesRequest, v1::IssuePlaceCertificatesResponse>(
      "/twinseal.v1.SiteService/IssuePlaceCertificates", Agents(),
      [this](const connect::CallContext&, const Result<v1::IssuePlaceCertificatesRequest>& request,
             const connect::Reply<v1::IssuePlaceCertificatesResponse>& reply) {
        if (!request.ok()) return reply(request.error());
        const MutexLock lock(mutex_);
        if (refuses_) return reply(Error(Code::kFailedPrecondition, "no place of this pair"));
        ++issued_;
        v1::IssuePlaceCertificatesResponse response;
        response.set_member_certificate_pem(
            ledger_ca_.CertifyMember(request->member_csr_pem()).Pem());
        response.set_server_certificate_pem(
            operator_ca_.CertifyMember(request->server_csr_pem()).Pem());
        response.set_ledger_ca_pem(ledger_ca_.certificate().Pem());
        response.set_operator_ca_pem(operator_ca_.certificate().Pem());
        *response.mutable_config() = pair_.config();
        if (request->member_is_new() && take_in_ != nullptr) {
          if (const Status taken_in = take_in_(); !taken_in.ok()) return reply(taken_in.error());
          response.set_member_taken_in(true);
        }
        reply(response);
      });
  return router;
}

}  // namespace twinseal::test
