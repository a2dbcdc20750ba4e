#include "agent/daemon/routes.h"

#include <string_view>
#include <utility>

#include "common/crypto/x509.h"
#include "twinseal/v1/agent.pb.h"

namespace twinseal::agent {
namespace {

constexpr std::string_view kUriPrefix = "twinseal:";
constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kMetricsText = "text/plain; version=0.0.4; charset=utf-8";

connect::Response Readiness(const Health& health) {
  const Status ready = health.Ready();
  if (ready.ok()) return {200, kText, "ready\n", std::nullopt};
  return {503, kText, "not ready: " + ready.error().message() + "\n", ready.error().code()};
}

}  // namespace

Status MayReadHealth(const crypto::Certificate& peer) {
  const std::string* ours = nullptr;
  for (const std::string& uri : peer.uris()) {
    if (!uri.starts_with(kUriPrefix)) continue;
    if (ours != nullptr) {
      return Error(Code::kUnauthenticated,
                   "the client certificate has several twinseal names; it must have one");
    }
    ours = &uri;
  }
  if (ours == nullptr) {
    return Error(
        Code::kUnauthenticated,
        "the client certificate has no twinseal name; get one with `twinseal client issue`");
  }
  const std::string_view caller = std::string_view(*ours).substr(kUriPrefix.size());
  if (caller.starts_with("operator/") || caller.starts_with("auditor/")) return Ok();
  return Error(Code::kPermissionDenied,
               "the pair's health is for operators and auditors; have an operator ask");
}

connect::Router MakeRouter(const Health& health) {
  connect::Router router;
  router.AddGet("/healthz", connect::Access::Anyone(),
                [](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({200, kText, "ok\n", std::nullopt});
                });
  router.AddGet("/readyz", connect::Access::Anyone(),
                [&health](const connect::Request&, const connect::Responder& responder) {
                  responder.Send(Readiness(health));
                });
  router.AddGet("/metrics", connect::Access::Anyone(),
                [&health](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({200, kMetricsText, health.Metrics(), std::nullopt});
                });
  router.Add<v1::GetPairHealthRequest, v1::GetPairHealthResponse>(
      "/twinseal.v1.AgentService/GetPairHealth", connect::Access::If(MayReadHealth),
      [&health](const connect::CallContext&, const Result<v1::GetPairHealthRequest>& request,
                const connect::Reply<v1::GetPairHealthResponse>& reply) {
        if (!request.ok()) return reply(request.error());
        reply(health.Describe());
      });
  return router;
}

}  // namespace twinseal::agent
