#include "tests/unit/firmware/service/fake_token.h"

#include <string_view>

#include "common/base/bytes.h"
#include "common/base/types.h"
#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"

namespace twinseal::service {
namespace {

std::string Sha(std::string_view text) { return ToString(crypto::Sha256(AsBytes(text))); }

// Stands in for an HMAC.
std::string Mac(const std::string& key, std::string_view statement) {
  return Sha(key + std::string(statement));
}

// Stands in for RSA-OAEP: who has the other half of the key can open it, by looking.
std::string Seal(std::string_view public_der, std::string_view secret) {
  return Sha(public_der) + std::string(secret);
}

std::optional<std::string> Unseal(std::string_view public_der, std::string_view sealed) {
  const std::string lid = Sha(public_der);
  if (!sealed.starts_with(lid)) return std::nullopt;
  return std::string(sealed.substr(lid.size()));
}

std::string HolderStatement(std::string_view kek, std::string_view binding,
                            std::string_view transcript) {
  return "twinseal pairing holder" + Sha(kek) + Sha(binding) + std::string(transcript);
}

std::string JoinerProof(const std::string& binding, std::string_view transcript) {
  return Mac(binding, "twinseal pairing joiner" + std::string(transcript));
}

Error NoDomain() { return Error(Code::kFailedPrecondition, "the token has no domain"); }

}  // namespace

FakeToken::FakeToken(Domain domain) {
  if (domain == Domain::kNone) return;
  domain_ = DomainKeys{ToString(KeyId::Random().bytes()), ToString(KeyId::Random().bytes())};
}

Result<v1::CoreResponse> FakeToken::Answer(const v1::CoreRequest& request) {
  switch (request.call_case()) {
    case v1::CoreRequest::kSignAsIdentity:
      return SignAsIdentity(request.sign_as_identity());
    case v1::CoreRequest::kMakeTransportKey: {
      transport_ = NewKeyPair();
      v1::CoreResponse response;
      response.mutable_make_transport_key()->set_public_key_der(transport_->public_der);
      return response;
    }
    case v1::CoreRequest::kWrapDomain:
      return Wrap(request.wrap_domain());
    case v1::CoreRequest::kTakeDomain:
      return Take(request.take_domain());
    case v1::CoreRequest::kProveDomain:
      return Prove(request.prove_domain());
    case v1::CoreRequest::kDeriveSecret:
      return Derive(request.derive_secret());
    case v1::CoreRequest::kDropDomain: {
      transport_.reset();
      domain_.reset();
      v1::CoreResponse response;
      response.mutable_done();
      return response;
    }
    default:
      return Error(Code::kUnimplemented, "not in the fake");
  }
}

Result<v1::CoreResponse> FakeToken::SignAsIdentity(const v1::SignAsIdentityRequest& request) const {
  if (request.sha256().size() != 32) return Error(Code::kInvalidArgument, "no digest of SHA-256");
  v1::CoreResponse response;
  v1::SignAsIdentityResponse& answer = *response.mutable_sign_as_identity();
  answer.set_signature(SignDigest(identity_.private_der, request.sha256()));
  answer.set_identity_public_key_der(identity_.public_der);
  return response;
}

Result<v1::CoreResponse> FakeToken::Wrap(const v1::WrapDomainRequest& request) const {
  if (!domain_) return NoDomain();
  const std::string& transport = request.transport_public_key_der();
  if (!crypto::PublicKey::FromDer(AsBytes(transport)).ok()) {
    return Error(Code::kInvalidArgument, "the transport key cannot be read");
  }
  v1::CoreResponse response;
  v1::WrapDomainResponse& answer = *response.mutable_wrap_domain();
  answer.set_wrapped_domain_kek(Seal(transport, domain_->kek));
  answer.set_wrapped_binding_key(Seal(transport, domain_->binding));
  answer.set_holder_proof(
      Mac(domain_->binding, HolderStatement(answer.wrapped_domain_kek(),
                                            answer.wrapped_binding_key(), request.transcript())));
  return response;
}

Result<v1::CoreResponse> FakeToken::Take(const v1::TakeDomainRequest& request) {
  DomainKeys taken;
  if (domain_) {
    taken = *domain_;
  } else {
    if (!transport_) return Error(Code::kFailedPrecondition, "the token has no transport key");
    const auto kek = Unseal(transport_->public_der, request.wrapped_domain_kek());
    const auto binding = Unseal(transport_->public_der, request.wrapped_binding_key());
    if (!kek || !binding) return Error(Code::kDataLoss, "not wrapped under the transport key");
    taken = {*kek, *binding};
  }
  const std::string statement = HolderStatement(
      request.wrapped_domain_kek(), request.wrapped_binding_key(), request.transcript());
  if (Mac(taken.binding, statement) != request.holder_proof()) {
    return Error(domain_ ? Code::kFailedPrecondition : Code::kDataLoss,
                 "the holder's proof is wrong");
  }
  domain_ = taken;
  transport_.reset();
  v1::CoreResponse response;
  response.mutable_take_domain()->set_joiner_proof(
      JoinerProof(taken.binding, request.transcript()));
  return response;
}

Result<v1::CoreResponse> FakeToken::Prove(const v1::ProveDomainRequest& request) const {
  if (!domain_) return NoDomain();
  if (JoinerProof(domain_->binding, request.transcript()) != request.joiner_proof()) {
    return Error(Code::kDataLoss, "the joiner's proof is wrong");
  }
  v1::CoreResponse response;
  response.mutable_done();
  return response;
}

Result<v1::CoreResponse> FakeToken::Derive(const v1::DeriveSecretRequest& request) const {
  if (!domain_) return NoDomain();
  v1::CoreResponse response;
  response.mutable_derive_secret()->set_secret(
      Mac(domain_->binding, "twinseal derived secret" + request.purpose()));
  return response;
}

}  // namespace twinseal::service
