#include "firmware/core/process/pairing_requests.h"

#include <spdlog/spdlog.h>

#include "firmware/core/pairing/derived_secret.h"
#include "firmware/core/pairing/domain_intake.h"
#include "firmware/core/pairing/domain_release.h"
#include "firmware/core/pairing/domain_removal.h"
#include "firmware/core/pairing/identity_signature.h"
#include "firmware/core/pairing/transport_key.h"

namespace twinseal::core {
namespace {

Status Answer(hsm::Session& session, const v1::SignAsIdentityRequest& request,
              v1::CoreResponse& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const IdentitySignature made,
                            SignAsIdentity(session, AsBytes(request.sha256())));
  v1::SignAsIdentityResponse& answer = *response.mutable_sign_as_identity();
  answer.set_signature(ToString(made.signature));
  answer.set_identity_public_key_der(ToString(made.public_key_der));
  return Ok();
}

Status Answer(hsm::Session& session, const v1::WrapDomainRequest& request,
              v1::CoreResponse& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const WrappedDomain wrapped,
                            WrapDomain(session, AsBytes(request.transport_public_key_der()),
                                       AsBytes(request.transcript())));
  v1::WrapDomainResponse& answer = *response.mutable_wrap_domain();
  answer.set_wrapped_domain_kek(ToString(wrapped.domain_kek));
  answer.set_wrapped_binding_key(ToString(wrapped.binding_key));
  answer.set_holder_proof(ToString(wrapped.holder_proof));
  spdlog::info("the domain's keys were wrapped for another appliance");
  return Ok();
}

Status Answer(hsm::Session& session, const v1::ProveDomainRequest& request,
              v1::CoreResponse& response) {
  response.mutable_done();
  return ProveDomain(session, AsBytes(request.transcript()), AsBytes(request.joiner_proof()));
}

Status Answer(hsm::Session& session, const v1::DeriveSecretRequest& request,
              v1::CoreResponse& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const Secret secret, DeriveSecret(session, request.purpose()));
  const BytesView bytes = secret.Reveal(SecretAccess());
  response.mutable_derive_secret()->set_secret(bytes.data(), bytes.size());
  return Ok();
}

Status Answer(hsm::Session& session, const v1::MakeTransportKeyRequest& /*request*/,
              v1::CoreResponse& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes public_key, MakeTransportKey(session));
  response.mutable_make_transport_key()->set_public_key_der(ToString(public_key));
  spdlog::info("a transport key was made, to join a domain");
  return Ok();
}

Status Answer(hsm::Session& session, const v1::TakeDomainRequest& request,
              v1::CoreResponse& response) {
  const DomainInTransit domain = {.wrapped_domain_kek = AsBytes(request.wrapped_domain_kek()),
                                  .wrapped_binding_key = AsBytes(request.wrapped_binding_key()),
                                  .transcript = AsBytes(request.transcript())};
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes proof,
                            TakeDomain(session, domain, AsBytes(request.holder_proof())));
  response.mutable_take_domain()->set_joiner_proof(ToString(proof));
  spdlog::info("the token has taken a domain's keys");
  return Ok();
}

}  // namespace

Status AnswerServing(hsm::Session& session, const v1::CoreRequest& request,
                     v1::CoreResponse& response) {
  switch (request.call_case()) {
    case v1::CoreRequest::kSignAsIdentity:
      return Answer(session, request.sign_as_identity(), response);
    case v1::CoreRequest::kWrapDomain:
      return Answer(session, request.wrap_domain(), response);
    case v1::CoreRequest::kProveDomain:
      return Answer(session, request.prove_domain(), response);
    case v1::CoreRequest::kDeriveSecret:
      return Answer(session, request.derive_secret(), response);
    default:
      return Error(Code::kInternal, "a request of this kind does not go to a worker");
  }
}

bool IsOfSetUp(const v1::CoreRequest& request) {
  return request.has_sign_as_identity() || request.has_make_transport_key() ||
         request.has_take_domain() || request.has_drop_domain();
}

Status AnswerSetUp(hsm::Session& session, const std::filesystem::path& vault_folder,
                   const v1::CoreRequest& request, v1::CoreResponse& response) {
  switch (request.call_case()) {
    case v1::CoreRequest::kSignAsIdentity:
      return Answer(session, request.sign_as_identity(), response);
    case v1::CoreRequest::kMakeTransportKey:
      return Answer(session, request.make_transport_key(), response);
    case v1::CoreRequest::kTakeDomain:
      return Answer(session, request.take_domain(), response);
    case v1::CoreRequest::kDropDomain:
      TWINSEAL_RETURN_IF_ERROR(DropDomain(session, vault_folder));
      response.mutable_done();
      spdlog::info("the token has dropped its domain, and the vault is empty");
      return Ok();
    default:
      return Error(Code::kInternal, "a request of this kind does not belong to set-up");
  }
}

}  // namespace twinseal::core
