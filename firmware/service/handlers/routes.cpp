#include "firmware/service/handlers/routes.h"

#include <utility>

#include "common/crypto/x509.h"
#include "firmware/policy/permissions.h"

namespace twinseal::service {
namespace {

using policy::Procedure;

// From the certificate that TLS has verified. One with several names of ours says nothing certain.
Result<policy::Principal> PrincipalOf(const crypto::Certificate& certificate) {
  const std::string* ours = nullptr;
  for (const std::string& uri : certificate.uris()) {
    if (!uri.starts_with(policy::Principal::kUriPrefix)) continue;
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
  return policy::Principal::FromUri(*ours);
}

// Roles are looked at by the handler's gate, so that a refusal is recorded.
connect::Access AnyPrincipal() {
  return connect::Access::If([](const crypto::Certificate& peer) -> Status {
    const Result<policy::Principal> principal = PrincipalOf(peer);
    if (!principal.ok()) return principal.error();
    return Ok();
  });
}

connect::Access OnlySites() {
  return connect::Access::If([](const crypto::Certificate& peer) -> Status {
    TWINSEAL_ASSIGN_OR_RETURN(const policy::Principal principal, PrincipalOf(peer));
    if (principal.role() == policy::Role::kSite) return Ok();
    return Error(Code::kPermissionDenied, "the other sites of the pair alone may ask for this");
  });
}

// Decodes here rather than in the router: a body that cannot be read is an operation refused, which
// the audit log records with its caller.
template <typename Message, typename Answer, typename Serve>
void Add(connect::Router& router, Procedure procedure, Serve serve,
         std::size_t max_body = connect::kDefaultMaxBodyBytes) {
  const std::string path = "/twinseal.v1." + std::string(policy::PermissionOf(procedure).name);
  router.AddPost(
      path, AnyPrincipal(),
      {std::string(connect::ContentType(connect::Encoding::kJson)),
       std::string(connect::ContentType(connect::Encoding::kProto))},
      [serve = std::move(serve)](connect::Request request, connect::Responder responder) {
        Result<policy::Principal> principal = PrincipalOf(*request.context.peer);
        if (!principal.ok()) return responder.SendError(principal.error());
        // The router let no other types through.
        const connect::Encoding encoding =
            connect::EncodingOf(request.content_type).value_or(connect::Encoding::kJson);
        Result<Message> message = Message();
        if (const Status decoded = connect::Decode(encoding, request.body, *message);
            !decoded.ok()) {
          message = decoded.error();
        }
        // A std::function is copyable, a reply is not.
        auto reply = std::make_shared<connect::Reply<Answer>>(encoding, std::move(responder));
        serve(Call<Message>{*std::move(principal), request.context.deadline, std::move(message)},
              [reply](Result<Answer> answer) { (*reply)(std::move(answer)); });
      },
      {.max_body_bytes = max_body});
}

template <typename Respond>
void OnPool(WorkPool& pool, connect::Responder responder, Respond respond) {
  auto shared = std::make_shared<connect::Responder>(std::move(responder));
  if (!pool.Submit([shared, respond] { shared->Send(respond()); })) {
    shared->SendError(
        Error(Code::kResourceExhausted, "too many requests are waiting; try again later"));
  }
}

void AddHealth(connect::Router& router, ApplianceState& state, WorkPool& pool) {
  router.AddGet("/healthz", connect::Access::Anyone(),
                [](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({200, "text/plain; charset=utf-8", "ok\n", std::nullopt});
                });
  router.AddGet("/readyz", connect::Access::Anyone(),
                [&](const connect::Request&, connect::Responder responder) {
                  OnPool(pool, std::move(responder), [&state]() -> connect::Response {
                    const Status ready = state.Ready();
                    if (ready.ok())
                      return {200, "text/plain; charset=utf-8", "ready\n", std::nullopt};
                    return {503, "text/plain; charset=utf-8",
                            "not ready: " + ready.error().message() + "\n", ready.error().code()};
                  });
                });
  router.AddGet(
      "/metrics", connect::Access::Anyone(),
      [&](const connect::Request&, connect::Responder responder) {
        OnPool(pool, std::move(responder), [&state]() -> connect::Response {
          return {200, "text/plain; version=0.0.4; charset=utf-8", state.Metrics(), std::nullopt};
        });
      });
}

}  // namespace

connect::Router MakeRouter(const Handlers& handlers, ApplianceState& state, WorkPool& watchers) {
  connect::Router router;
  KeyHandlers& keys = handlers.keys;
  const auto key_call = [&](auto method) {
    return [&keys, method](auto call, auto respond) {
      (keys.*method)(std::move(call), std::move(respond));
    };
  };
  Add<v1::CreateKeyRequest, v1::Key>(router, Procedure::kCreateKey,
                                     key_call(&KeyHandlers::CreateKey));
  Add<v1::GetKeyRequest, v1::Key>(router, Procedure::kGetKey, key_call(&KeyHandlers::GetKey));
  Add<v1::ListKeysRequest, v1::ListKeysResponse>(router, Procedure::kListKeys,
                                                 key_call(&KeyHandlers::ListKeys));
  Add<v1::GetPublicKeyRequest, v1::GetPublicKeyResponse>(router, Procedure::kGetPublicKey,
                                                         key_call(&KeyHandlers::GetPublicKey));
  Add<v1::ChangeKeyRequest, v1::Key>(router, Procedure::kRotateKey,
                                     key_call(&KeyHandlers::RotateKey));
  Add<v1::ChangeKeyRequest, v1::Key>(router, Procedure::kEnableKey,
                                     key_call(&KeyHandlers::EnableKey));
  Add<v1::ChangeKeyRequest, v1::Key>(router, Procedure::kDisableKey,
                                     key_call(&KeyHandlers::DisableKey));
  Add<v1::SetKeyPolicyRequest, v1::Key>(router, Procedure::kSetKeyPolicy,
                                        key_call(&KeyHandlers::SetKeyPolicy));
  Add<v1::ScheduleKeyDestructionRequest, v1::Key>(router, Procedure::kScheduleKeyDestruction,
                                                  key_call(&KeyHandlers::ScheduleKeyDestruction));
  Add<v1::ChangeKeyRequest, v1::Key>(router, Procedure::kCancelKeyDestruction,
                                     key_call(&KeyHandlers::CancelKeyDestruction));
  Add<v1::ChangeKeyRequest, v1::Key>(router, Procedure::kDestroyKey,
                                     key_call(&KeyHandlers::DestroyKey));

  SigningHandlers& signing = handlers.signing;
  Add<v1::SignRequest, v1::SignResponse>(
      router, Procedure::kSign,
      [&signing](auto call, auto respond) { signing.Sign(std::move(call), std::move(respond)); });
  Add<v1::SignBatchRequest, v1::SignBatchResponse>(
      router, Procedure::kSignBatch,
      [&signing](auto call, auto respond) {
        signing.SignBatch(std::move(call), std::move(respond));
      },
      kMaxBatchBody);

  CertificateHandlers& certificates = handlers.certificates;
  Add<v1::ImportCertificateRequest, v1::Certificate>(
      router, Procedure::kImportCertificate, [&certificates](auto call, auto respond) {
        certificates.ImportCertificate(std::move(call), std::move(respond));
      });
  Add<v1::ListCertificatesRequest, v1::ListCertificatesResponse>(
      router, Procedure::kListCertificates, [&certificates](auto call, auto respond) {
        certificates.ListCertificates(std::move(call), std::move(respond));
      });
  Add<v1::RemoveCertificateRequest, v1::Certificate>(
      router, Procedure::kRemoveCertificate, [&certificates](auto call, auto respond) {
        certificates.RemoveCertificate(std::move(call), std::move(respond));
      });

  AuditHandlers& audit = handlers.audit;
  Add<v1::ListAuditRecordsRequest, v1::ListAuditRecordsResponse>(
      router, Procedure::kListAuditRecords, [&audit](auto call, auto respond) {
        audit.ListAuditRecords(std::move(call), std::move(respond));
      });
  Add<v1::ListAuditCheckpointsRequest, v1::ListAuditCheckpointsResponse>(
      router, Procedure::kListAuditCheckpoints, [&audit](auto call, auto respond) {
        audit.ListAuditCheckpoints(std::move(call), std::move(respond));
      });

  ApplianceHandlers& appliance = handlers.appliance;
  Add<v1::GetStatusRequest, v1::GetStatusResponse>(
      router, Procedure::kGetStatus, [&appliance](auto call, auto respond) {
        appliance.GetStatus(std::move(call), std::move(respond));
      });
  Add<v1::IssueClientCertificateRequest, v1::IssueClientCertificateResponse>(
      router, Procedure::kIssueClientCertificate, [&appliance](auto call, auto respond) {
        appliance.IssueClientCertificate(std::move(call), std::move(respond));
      });
  Add<v1::GenerateRandomRequest, v1::GenerateRandomResponse>(
      router, Procedure::kGenerateRandom, [&appliance](auto call, auto respond) {
        appliance.GenerateRandom(std::move(call), std::move(respond));
      });

  PairingHandlers& pairing = handlers.pairing;
  const auto pairing_call = [&](auto method) {
    return [&pairing, method](auto call, auto respond) {
      (pairing.*method)(std::move(call), std::move(respond));
    };
  };
  Add<v1::BeginPairingRequest, v1::BeginPairingResponse>(
      router, Procedure::kBeginPairing, pairing_call(&PairingHandlers::BeginPairing));
  Add<v1::AgreePairingRequest, v1::AgreePairingResponse>(
      router, Procedure::kAgreePairing, pairing_call(&PairingHandlers::AgreePairing));
  Add<v1::ReleaseDomainRequest, v1::ReleaseDomainResponse>(
      router, Procedure::kReleaseDomain, pairing_call(&PairingHandlers::ReleaseDomain));
  Add<v1::ConcludePairingRequest, v1::ConcludePairingResponse>(
      router, Procedure::kConcludePairing, pairing_call(&PairingHandlers::ConcludePairing));
  Add<v1::AbortPairingRequest, v1::AbortPairingResponse>(
      router, Procedure::kAbortPairing, pairing_call(&PairingHandlers::AbortPairing));
  Add<v1::LeavePairRequest, v1::LeavePairResponse>(router, Procedure::kLeavePair,
                                                   pairing_call(&PairingHandlers::LeavePair));
  Add<v1::RecoverPairRequest, v1::RecoverPairResponse>(router, Procedure::kRecoverPair,
                                                       pairing_call(&PairingHandlers::RecoverPair));
  router.Add<v1::AcceptDomainRequest, v1::AcceptDomainResponse>(
      "/twinseal.v1.PairingService/AcceptDomain", connect::Access::Anyone(),
      [&pairing](const connect::CallContext&, const Result<v1::AcceptDomainRequest>& request,
                 const connect::Reply<v1::AcceptDomainResponse>& reply) {
        if (!request.ok()) return reply(request.error());
        reply(pairing.AcceptDomain(*request));
      });

  SiteHandlers& sites = handlers.sites;
  Add<v1::IssuePlaceCertificatesRequest, v1::IssuePlaceCertificatesResponse>(
      router, Procedure::kIssuePlaceCertificates, [&sites](auto call, auto respond) {
        sites.IssuePlaceCertificates(std::move(call), std::move(respond));
      });
  Add<v1::SetMaintenanceRequest, v1::SetMaintenanceResponse>(
      router, Procedure::kSetMaintenance, [&sites](auto call, auto respond) {
        sites.SetMaintenance(std::move(call), std::move(respond));
      });
  Add<v1::GetPairRequest, v1::GetPairResponse>(
      router, Procedure::kGetPair,
      [&sites](auto call, auto respond) { sites.GetPair(std::move(call), std::move(respond)); });
  Add<v1::ReadArchiveRequest, v1::ReadArchiveResponse>(
      router, Procedure::kReadArchive, [&sites](auto call, auto respond) {
        sites.ReadArchive(std::move(call), std::move(respond));
      });
  router.Add<v1::AwaitAppliedRequest, v1::AwaitAppliedResponse>(
      "/twinseal.v1.SiteService/AwaitApplied", OnlySites(),
      [&sites](const connect::CallContext& context, const Result<v1::AwaitAppliedRequest>& request,
               const connect::Reply<v1::AwaitAppliedResponse>& reply) {
        if (!request.ok()) return reply(request.error());
        sites.AwaitApplied(*request, context.deadline, reply);
      });
  router.Add<v1::GetMarkRequest, v1::GetMarkResponse>(
      "/twinseal.v1.SiteService/GetMark", OnlySites(),
      [&sites](const connect::CallContext& context, const Result<v1::GetMarkRequest>& request,
               const connect::Reply<v1::GetMarkResponse>& reply) {
        if (!request.ok()) return reply(request.error());
        const Result<policy::Principal> site = PrincipalOf(*context.peer);
        site.ok() ? sites.GetMark(site->name(), reply) : reply(site.error());
      });
  AddHealth(router, state, watchers);
  return router;
}

}  // namespace twinseal::service
