#include "firmware/core/pairing/domain_intake.h"

#include "firmware/core/keys/token_objects.h"
#include "firmware/core/pairing/domain_objects.h"
#include "firmware/core/pairing/transport_key.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/setup/key_options.h"
#include "hsm/wrapping/transport_key.h"

namespace twinseal::core {
namespace {

struct Arrived {
  hsm::ObjectHandle domain_kek;
  hsm::ObjectHandle binding_key;
};

Result<Arrived> UnwrapDomain(hsm::Session& session, hsm::Object transport,
                             const DomainInTransit& domain, const hsm::SecretKeyOptions& kek,
                             const hsm::SecretKeyOptions& binding) {
  Arrived arrived;
  TWINSEAL_ASSIGN_OR_RETURN(arrived.domain_kek,
                            hsm::UnwrapTransported(session, transport, domain.wrapped_domain_kek,
                                                   hsm::UnwrappedWrappingKey(kek)));
  TWINSEAL_ASSIGN_OR_RETURN(arrived.binding_key,
                            hsm::UnwrapTransported(session, transport, domain.wrapped_binding_key,
                                                   hsm::UnwrappedMacKey(binding)));
  return arrived;
}

Status TryDomain(hsm::Session& session, hsm::Object transport, const DomainInTransit& domain,
                 BytesView holder_proof) {
  TWINSEAL_ASSIGN_OR_RETURN(const Arrived on_trial,
                            UnwrapDomain(session, transport, domain, {}, {}));
  return CheckHolderProof(session, on_trial.binding_key.get(), domain, holder_proof);
}

Status KeepDomain(hsm::Session& session, hsm::Object transport, const DomainInTransit& domain) {
  // What an interrupted attempt has left.
  TWINSEAL_RETURN_IF_ERROR(DestroyDomainKeys(session));
  TWINSEAL_ASSIGN_OR_RETURN(Arrived kept, UnwrapDomain(session, transport, domain,
                                                       kDomainKekOptions, kBindingKeyOptions));
  kept.domain_kek.Release();
  kept.binding_key.Release();
  session.ForgetTokenObjects();
  return Ok();
}

Status CheckIsThisDomain(hsm::Session& session, const DomainInTransit& domain,
                         BytesView holder_proof) {
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Object binding_key,
                            session.FindTokenObject(CKO_SECRET_KEY, kBindingKeyLabel));
  Status checked = CheckHolderProof(session, binding_key, domain, holder_proof);
  if (checked.ok() || checked.error().code() != Code::kDataLoss) return checked;
  return Error(Code::kFailedPrecondition,
               "the appliance has a domain already, and what came is not of that one");
}

}  // namespace

Result<Bytes> TakeDomain(hsm::Session& session, const DomainInTransit& domain,
                         BytesView holder_proof) {
  TWINSEAL_RETURN_IF_ERROR(CheckTranscript("take_domain.transcript", domain.transcript));
  TWINSEAL_RETURN_IF_ERROR(CheckSiteKeys(session));
  TWINSEAL_ASSIGN_OR_RETURN(const DomainThere there, FindDomain(session));
  if (there == DomainThere::kWhole) {
    TWINSEAL_RETURN_IF_ERROR(CheckIsThisDomain(session, domain, holder_proof));
  } else {
    TWINSEAL_ASSIGN_OR_RETURN(const hsm::Object transport, FindTransportKey(session));
    TWINSEAL_RETURN_IF_ERROR(TryDomain(session, transport, domain, holder_proof));
    TWINSEAL_RETURN_IF_ERROR(KeepDomain(session, transport, domain));
  }
  TWINSEAL_RETURN_IF_ERROR(DestroyTransportKey(session));
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Object binding_key,
                            session.FindTokenObject(CKO_SECRET_KEY, kBindingKeyLabel));
  return JoinerProof(session, binding_key, domain.transcript);
}

}  // namespace twinseal::core
