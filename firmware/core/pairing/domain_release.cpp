#include "firmware/core/pairing/domain_release.h"

#include "firmware/core/keys/binding.h"
#include "firmware/core/pairing/proofs.h"
#include "firmware/core/pairing/transport_key.h"
#include "hsm/wrapping/transport_key.h"

namespace twinseal::core {

Result<WrappedDomain> WrapDomain(hsm::Session& session, BytesView transport_public_key_der,
                                 BytesView transcript) {
  TWINSEAL_RETURN_IF_ERROR(CheckTranscript("wrap_domain.transcript", transcript));
  TWINSEAL_ASSIGN_OR_RETURN(const DomainKeys keys, FindDomainKeys(session));
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::ObjectHandle transport,
                            ImportTransportKey(session, transport_public_key_der));
  WrappedDomain wrapped;
  TWINSEAL_ASSIGN_OR_RETURN(wrapped.domain_kek,
                            hsm::WrapForTransport(session, transport.get(), keys.domain_kek));
  TWINSEAL_ASSIGN_OR_RETURN(wrapped.binding_key,
                            hsm::WrapForTransport(session, transport.get(), keys.binding_key));
  TWINSEAL_ASSIGN_OR_RETURN(wrapped.holder_proof,
                            HolderProof(session, keys.binding_key,
                                        {.wrapped_domain_kek = wrapped.domain_kek,
                                         .wrapped_binding_key = wrapped.binding_key,
                                         .transcript = transcript}));
  return wrapped;
}

Status ProveDomain(hsm::Session& session, BytesView transcript, BytesView joiner_proof) {
  TWINSEAL_RETURN_IF_ERROR(CheckTranscript("prove_domain.transcript", transcript));
  TWINSEAL_ASSIGN_OR_RETURN(const DomainKeys keys, FindDomainKeys(session));
  return CheckJoinerProof(session, keys.binding_key, transcript, joiner_proof);
}

}  // namespace twinseal::core
