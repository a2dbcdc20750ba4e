#include "firmware/service/pair/joiner.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {
namespace {

// A code that operators have begun to compare is not exchanged for another one behind their backs.
Error UnderWay(const v1::PairState& state) {
  return Error(Code::kFailedPrecondition,
               fmt::format("site {} has answered another offer already; to begin anew, run "
                           "`twinseal pair abort`",
                           state.site()));
}

// Between its answer and its restart it still hears from anybody.
Error HasAccepted(const v1::PairState& state) {
  return Error(Code::kFailedPrecondition,
               fmt::format("site {} has accepted the domain's keys already; the holder has to "
                           "forget the ceremony first: `twinseal pair abort`",
                           state.site()));
}

}  // namespace

Result<v1::PairingTranscript> Joiner::CheckOffer(const v1::SignedMessage& offer) const {
  TWINSEAL_ASSIGN_OR_RETURN(v1::PairingTranscript transcript, ReadTranscript(offer.body()));
  TWINSEAL_RETURN_IF_ERROR(
      CheckSigned(offer, kOffer, transcript.holder().identity_public_key_der()));
  if (transcript.joiner().name() != place_.name()) {
    return Error(Code::kInvalidArgument, fmt::format("the offer is for site {}; this is site {}",
                                                     transcript.joiner().name(), place_.name()));
  }
  return transcript;
}

Result<v1::AnswerPairingResponse> Joiner::Answer(const v1::AnswerPairingRequest& request) {
  const MutexLock lock(mutex_);
  if (file_.state().phase() == v1::PairState::ABANDONED) TWINSEAL_RETURN_IF_ERROR(DropDomain());
  if (place_.peer().empty() || place_.api().empty()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("site {} cannot be paired: set peer_listen, peer_address and "
                             "api_address in its configuration and start it again",
                             place_.name()));
  }
  const v1::PairState state = file_.state();
  if (state.phase() == v1::PairState::ANSWERED) {
    if (state.offer().body() != request.offer().body()) return UnderWay(state);
    v1::AnswerPairingResponse again;
    *again.mutable_answer() = state.answer();
    again.set_code(PairingCode(state.answer().body()));
    return again;
  }
  if (state.phase() != v1::PairState::JOINING) return HasAccepted(state);
  TWINSEAL_ASSIGN_OR_RETURN(v1::PairingTranscript transcript, CheckOffer(request.offer()));
  v1::CoreRequest make;
  make.mutable_make_transport_key();
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse made, core_(std::move(make)));
  *transcript.mutable_joiner() = place_;
  TWINSEAL_ASSIGN_OR_RETURN(*transcript.mutable_joiner()->mutable_identity_public_key_der(),
                            IdentityOf(core_));
  transcript.set_joiner_nonce(RandomNonce());
  transcript.set_joiner_transport_public_key_der(made.make_transport_key().public_key_der());
  v1::AnswerPairingResponse response;
  TWINSEAL_ASSIGN_OR_RETURN(*response.mutable_answer(),
                            SignAsIdentity(core_, kAnswer, transcript.SerializeAsString()));
  response.set_code(PairingCode(response.answer().body()));
  v1::PendingPairing pending;
  pending.set_pairing_id(transcript.pairing_id());
  pending.set_partner(transcript.holder().name());
  pending.set_partner_fingerprint(FingerprintOf(transcript.holder().identity_public_key_der()));
  pending.set_own_fingerprint(FingerprintOf(transcript.joiner().identity_public_key_der()));
  pending.set_code(response.code());
  TWINSEAL_RETURN_IF_ERROR(file_.AskConsole(pending));
  TWINSEAL_RETURN_IF_ERROR(file_.Change([&](v1::PairState& next) {
    next.set_phase(v1::PairState::ANSWERED);
    *next.mutable_offer() = request.offer();
    *next.mutable_answer() = response.answer();
  }));
  return response;
}

Result<v1::AcceptDomainResponse> RepeatAccept(const v1::PairState& state,
                                              const v1::AcceptDomainRequest& request) {
  if (state.release().body() == request.release().body() && !state.joiner_proof().empty()) {
    v1::AcceptDomainResponse again;
    again.set_joiner_proof(state.joiner_proof());
    return again;
  }
  return Error(Code::kFailedPrecondition, "this site belongs to a domain already");
}

Result<v1::AcceptDomainResponse> Joiner::Accept(const v1::AcceptDomainRequest& request) {
  const MutexLock lock(mutex_);
  const v1::PairState state = file_.state();
  if (state.phase() == v1::PairState::ACCEPTED) return RepeatAccept(state, request);
  if (state.phase() != v1::PairState::ANSWERED) {
    return Error(Code::kFailedPrecondition,
                 "no offer has been answered; begin with "
                 "`twinseal pair create`");
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                            ReadTranscript(state.answer().body()));
  const std::string& holder = transcript.holder().identity_public_key_der();
  v1::DomainRelease release;
  if (request.agreement().body() != state.answer().body() ||
      !release.ParseFromString(request.release().body()) ||
      release.transcript() != state.answer().body()) {
    return Error(Code::kInvalidArgument, "this is not of the pairing that this site has answered");
  }
  TWINSEAL_RETURN_IF_ERROR(CheckSigned(request.agreement(), kAgreement, holder));
  TWINSEAL_RETURN_IF_ERROR(CheckSigned(request.release(), kRelease, holder));
  TWINSEAL_RETURN_IF_ERROR(
      file_.CheckConfirmed(transcript.pairing_id(), PairingCode(state.answer().body())));
  v1::CoreRequest take;
  v1::TakeDomainRequest& domain = *take.mutable_take_domain();
  domain.set_wrapped_domain_kek(release.wrapped_domain_kek());
  domain.set_wrapped_binding_key(release.wrapped_binding_key());
  domain.set_transcript(release.transcript());
  domain.set_holder_proof(release.holder_proof());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse taken, core_(std::move(take)));
  v1::AcceptDomainResponse response;
  response.set_joiner_proof(taken.take_domain().joiner_proof());
  TWINSEAL_RETURN_IF_ERROR(file_.Change([&](v1::PairState& next) {
    next.set_phase(v1::PairState::ACCEPTED);
    *next.mutable_agreement() = request.agreement();
    *next.mutable_release() = request.release();
    *next.mutable_config() = release.config();
    next.set_operator_ca_pem(release.operator_ca_pem());
    next.set_ledger_ca_pem(release.ledger_ca_pem());
    *next.mutable_own_keys() = release.own_keys();
    next.set_joiner_proof(response.joiner_proof());
  }));
  file_.ForgetConsole();
  restart_();
  return response;
}

Status Joiner::DropDomain() {
  v1::CoreRequest drop;
  drop.mutable_drop_domain();
  const Result<v1::CoreResponse> dropped = core_(std::move(drop));
  if (!dropped.ok()) return dropped.error();
  file_.ForgetConsole();
  return file_.Change([&](v1::PairState& next) {
    next.Clear();
    next.set_site(place_.name());
    next.set_phase(v1::PairState::JOINING);
  });
}

Status Joiner::GiveBack() {
  const MutexLock lock(mutex_);
  return file_.state().phase() == v1::PairState::ABANDONED ? DropDomain() : Ok();
}

Status Joiner::Abort(const v1::AbortPairingRequest& request) {
  const MutexLock lock(mutex_);
  const v1::PairState state = file_.state();
  if (state.phase() == v1::PairState::JOINING) return Ok();
  if (state.phase() == v1::PairState::ABANDONED) return DropDomain();
  if (state.phase() == v1::PairState::ACCEPTED) {
    // It starts again, and may not come to the domain any more.
    TWINSEAL_RETURN_IF_ERROR(Abandon(file_, request));
    return DropDomain();
  }
  if (state.phase() != v1::PairState::ANSWERED) return HasAccepted(state);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                            ReadTranscript(state.offer().body()));
  if (transcript.pairing_id() != request.pairing_id()) {
    return Error(Code::kFailedPrecondition, "the pairing under way is another one");
  }
  return DropDomain();
}

Status Abandon(PairFile& file, const v1::AbortPairingRequest& request) {
  const v1::PairState state = file.state();
  if (state.phase() == v1::PairState::ABANDONED) return Ok();
  // Without its word the holder may conclude at any moment.
  if (state.phase() != v1::PairState::ACCEPTED || !request.has_abandonment()) {
    return HasAccepted(state);
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                            ReadTranscript(state.answer().body()));
  if (transcript.pairing_id() != request.abandonment().body()) {
    return Error(Code::kFailedPrecondition, "the pairing under way is another one");
  }
  TWINSEAL_RETURN_IF_ERROR(CheckSigned(request.abandonment(), kAbandonment,
                                       transcript.holder().identity_public_key_der()));
  return file.Change([](v1::PairState& next) { next.set_phase(v1::PairState::ABANDONED); });
}

Result<v1::GetPairResponse> Joiner::Describe() {
  const v1::PairState state = file_.state();
  v1::GetPairResponse response;
  response.set_site(place_.name());
  response.set_phase(state.phase() == v1::PairState::ANSWERED ? "answered" : "joining");
  response.set_detail(state.phase() == v1::PairState::ANSWERED
                          ? "waits for its operator to confirm the code: `twinseal pair confirm`"
                          : "waits to be paired: `twinseal pair create`");
  if (state.phase() == v1::PairState::ANSWERED) {
    TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                              ReadTranscript(state.answer().body()));
    response.set_pairing_id(transcript.pairing_id());
    response.set_code(PairingCode(state.answer().body()));
  }
  return response;
}

}  // namespace twinseal::service
