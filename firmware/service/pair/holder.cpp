#include "firmware/service/pair/holder.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "common/base/bytes.h"
#include "common/crypto/digest.h"
#include "firmware/service/keys/layout.h"
#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {
namespace {

constexpr std::string_view kOperation = "pair/MakeLedgerCa";
constexpr std::string_view kBegin = "pair/Begin";

Error Due(const v1::PairState& state) {
  switch (state.phase()) {
    case v1::PairState::ALONE:
      return Error(Code::kFailedPrecondition,
                   "no pairing is under way; begin with `twinseal pair create`");
    case v1::PairState::OFFERED:
      return Error(Code::kFailedPrecondition, "the other site's answer is due");
    case v1::PairState::AGREED:
      return Error(Code::kFailedPrecondition,
                   "both operators have to confirm the code: `twinseal pair confirm`");
    case v1::PairState::RELEASED:
      return Error(Code::kFailedPrecondition, "the other site has to accept the domain's keys");
    case v1::PairState::FENCED:
      return Error(Code::kFailedPrecondition, std::string(kFencedReason));
    default:
      return Error(Code::kFailedPrecondition, "this site belongs to a pair already");
  }
}

Status CheckNotFenced(const v1::PairConfig& config, const v1::Place& joiner) {
  if (!IsFenced(config, joiner)) return Ok();
  return Error(Code::kPermissionDenied,
               "another appliance has taken this one's place in the pair; it never comes back");
}

v1::AuditRecord RecordOf(std::string_view operation, const v1::Place& place, std::string detail) {
  v1::AuditRecord record;
  record.set_operation(std::string(operation));
  record.set_caller_role("appliance");
  record.set_caller_name(place.name());
  record.set_outcome("ok");
  record.set_detail(std::move(detail));
  return record;
}

}  // namespace

v1::PairConfig ConfigOf(const v1::PairingTranscript& transcript) {
  v1::PairConfig config;
  config.set_domain_id(transcript.domain_id());
  config.set_cluster_token(transcript.cluster_token());
  config.set_epoch(1);
  *config.add_places() = transcript.holder();
  *config.add_places() = transcript.joiner();
  *config.add_places() = transcript.witness();
  return config;
}

std::string DescribePairing(const v1::PairState& state) {
  v1::PairingTranscript transcript;
  if (!transcript.ParseFromString(state.answer().body())) return "the transcript cannot be read";
  return fmt::format(
      "site {} ({}) and site {} ({}) are one domain, {}; witness {}; code {}; transcript {}; "
      "signed by {} {}; signed by {} {}",
      transcript.holder().name(), FingerprintOf(transcript.holder().identity_public_key_der()),
      transcript.joiner().name(), FingerprintOf(transcript.joiner().identity_public_key_der()),
      transcript.domain_id(), transcript.witness().name(), PairingCode(state.answer().body()),
      Base64Encode(AsBytes(state.answer().body())), transcript.holder().name(),
      Base64Encode(AsBytes(state.agreement().signature())), transcript.joiner().name(),
      Base64Encode(AsBytes(state.answer().signature())));
}

v1::PairState Holder::Ceremony() const {
  const v1::PairState state = parts_.file.state();
  return state.phase() == v1::PairState::PAIRED ? state.replacement() : state;
}

Status Holder::ChangeCeremony(const std::function<void(v1::PairState&)>& change) {
  return parts_.file.Change([&](v1::PairState& next) {
    change(next.phase() == v1::PairState::PAIRED ? *next.mutable_replacement() : next);
  });
}

AskCore Holder::Asking(Deadline deadline) {
  return [this, deadline](v1::CoreRequest request) {
    return CallAndWait(parts_.core, std::move(request), deadline);
  };
}

Status Holder::MakeLedgerCa(Deadline deadline) {
  if (parts_.ledger_ca.established()) return Ok();
  v1::CreateKeyRequest request;
  request.set_name(std::string(kLedgerCaKey));
  request.set_algorithm(v1::EC_P256);
  // The same id each time, so that a repeated ceremony finds the key again.
  TWINSEAL_ASSIGN_OR_RETURN(RequestId id, RequestId::Parse("pairing-ledger-ca"));
  const Mutation mutation = {std::string(kOperation), std::move(id),
                             HashRequest(kOperation, request), "appliance", deadline};
  TWINSEAL_ASSIGN_OR_RETURN(const KeyName name, KeyName::Parse(kLedgerCaKey));
  const Result<v1::Key> made = parts_.store.CreateOwn(mutation, name, v1::EC_P256);
  if (!made.ok()) return made.error().Within("making the key of the ledger's CA");
  return parts_.ledger_ca.Establish(parts_.ledger, deadline);
}

// What both kinds of ceremony begin with: a new pair, or another appliance in a pair that there is.
Result<v1::PairingTranscript> Holder::Draft(const v1::BeginPairingRequest& request) const {
  const v1::PairState state = parts_.file.state();
  const bool paired = state.phase() == v1::PairState::PAIRED;
  v1::PairingTranscript transcript;
  transcript.set_pairing_id(RandomId());
  transcript.set_domain_id(paired ? state.config().domain_id() : RandomId());
  transcript.set_cluster_token(paired ? state.config().cluster_token() : RandomId());
  transcript.set_holder_nonce(RandomNonce());
  transcript.set_time_unix_ms(SystemMilliseconds());
  *transcript.mutable_holder() = parts_.place;
  transcript.mutable_joiner()->set_name(request.joiner_name());
  v1::Place& third = *transcript.mutable_witness();
  third.set_name(request.witness_name());
  third.set_peer(request.witness_peer());
  third.set_api(request.witness_api());
  third.set_witness(true);
  if (!paired) {
    if (request.replaces().empty()) return transcript;
    return Error(
        Code::kFailedPrecondition,
        fmt::format("site {} belongs to no pair; there is nobody to replace", parts_.place.name()));
  }
  const v1::Place* const lost = FindPlace(state.config(), request.replaces());
  if (lost == nullptr || lost->witness() || request.replaces() == parts_.place.name()) {
    return Error(Code::kFailedPrecondition,
                 "this site belongs to a pair already; another appliance can take the place of a "
                 "site that is lost: `twinseal pair replace`");
  }
  if (request.joiner_name() != request.replaces()) {
    return Error(Code::kInvalidArgument,
                 fmt::format("the appliance that takes the place of site {} is to be called so, "
                             "too, not {}",
                             request.replaces(), request.joiner_name()));
  }
  for (const v1::Place& place : state.config().places()) {
    if (place.witness()) third = place;
  }
  return transcript;
}

// A request that comes again, or late, begins nothing anew.
Result<std::optional<v1::BeginPairingResponse>> Holder::BegunBefore(
    const v1::BeginPairingRequest& request, const std::string& hash) const {
  const v1::PairState state = parts_.file.state();
  for (const v1::PairState* const known : {&state, &state.replacement()}) {
    if (request.request_id().empty() || known->begin_request_id() != request.request_id()) continue;
    if (known->begin_request_hash() != hash) {
      return Error(Code::kAlreadyExists,
                   fmt::format("request_id {} was used for another request; use a new one",
                               request.request_id()));
    }
    if (known->offer().body().empty()) {
      return Error(Code::kAborted,
                   "the ceremony that this request began was undone; begin another one");
    }
    v1::BeginPairingResponse again;
    *again.mutable_offer() = known->offer();
    return std::optional(std::move(again));
  }
  return std::optional<v1::BeginPairingResponse>();
}

Result<v1::BeginPairingResponse> Holder::Begin(const v1::BeginPairingRequest& request,
                                               Deadline deadline) {
  const MutexLock lock(mutex_);
  if (parts_.place.peer().empty() || parts_.place.api().empty()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("site {} cannot be paired: set peer_listen, peer_address and "
                             "api_address in its configuration and start it again",
                             parts_.place.name()));
  }
  const std::string hash = ToString(HashRequest(kBegin, request));
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<v1::BeginPairingResponse> before,
                            BegunBefore(request, hash));
  if (before) return *std::move(before);
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName joiner, SiteName::Parse(request.joiner_name()));
  TWINSEAL_ASSIGN_OR_RETURN(v1::PairingTranscript transcript, Draft(request));
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName witness, SiteName::Parse(transcript.witness().name()));
  if (joiner == witness || joiner.text() == parts_.place.name() ||
      witness.text() == parts_.place.name()) {
    return Error(Code::kInvalidArgument, "the three places of a pair have three names");
  }
  const v1::PairState state = Ceremony();
  // One that is over makes room for the next.
  const bool free = state.phase() == v1::PairState::ALONE ||
                    state.phase() == v1::PairState::OFFERED ||
                    state.phase() == v1::PairState::PAIRED;
  if (!free) return Due(state);
  const AskCore core = Asking(deadline);
  TWINSEAL_ASSIGN_OR_RETURN(*transcript.mutable_holder()->mutable_identity_public_key_der(),
                            IdentityOf(core));
  TWINSEAL_RETURN_IF_ERROR(MakeLedgerCa(deadline));
  v1::BeginPairingResponse response;
  TWINSEAL_ASSIGN_OR_RETURN(*response.mutable_offer(),
                            SignAsIdentity(core, kOffer, transcript.SerializeAsString()));
  TWINSEAL_RETURN_IF_ERROR(ChangeCeremony([&](v1::PairState& next) {
    next.Clear();
    next.set_site(parts_.place.name());
    next.set_phase(v1::PairState::OFFERED);
    *next.mutable_offer() = response.offer();
    next.set_replaces(request.replaces());
    next.set_begin_request_id(request.request_id());
    next.set_begin_request_hash(hash);
  }));
  return response;
}

// The pair as it will be.
Result<v1::PairConfig> Holder::Agreed(const v1::PairingTranscript& transcript) const {
  const v1::PairState state = parts_.file.state();
  if (state.phase() != v1::PairState::PAIRED) return ConfigOf(transcript);
  v1::PairConfig config = state.config();
  config.set_epoch(config.epoch() + 1);
  for (v1::Place& place : *config.mutable_places()) {
    if (place.name() != transcript.joiner().name()) continue;
    const std::string lost = FingerprintOf(place.identity_public_key_der());
    place = transcript.joiner();
    // A site whose disk was lost may come back with its HSM.
    if (lost != FingerprintOf(place.identity_public_key_der())) config.add_fenced(lost);
  }
  return config;
}

Result<v1::AgreePairingResponse> Holder::Agree(const v1::AgreePairingRequest& request,
                                               Deadline deadline) {
  const MutexLock lock(mutex_);
  const v1::PairState state = Ceremony();
  const v1::SignedMessage& answer = request.answer();
  if (state.phase() == v1::PairState::AGREED && state.answer().body() == answer.body()) {
    v1::AgreePairingResponse again;
    *again.mutable_agreement() = state.agreement();
    again.set_code(PairingCode(answer.body()));
    return again;
  }
  if (state.phase() != v1::PairState::OFFERED) return Due(state);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript, ReadTranscript(answer.body()));
  TWINSEAL_RETURN_IF_ERROR(
      CheckSigned(answer, kAnswer, transcript.joiner().identity_public_key_der()));
  // All that the joiner may have added is its own.
  v1::PairingTranscript offered = transcript;
  const std::string joiner = offered.joiner().name();
  offered.mutable_joiner()->Clear();
  offered.mutable_joiner()->set_name(joiner);
  offered.clear_joiner_nonce();
  offered.clear_joiner_transport_public_key_der();
  v1::PairingTranscript own;
  if (!own.ParseFromString(state.offer().body()) ||
      own.SerializeAsString() != offered.SerializeAsString()) {
    return Error(Code::kInvalidArgument, "the answer is not to this site's newest offer");
  }
  TWINSEAL_RETURN_IF_ERROR(CheckNotFenced(parts_.file.state().config(), transcript.joiner()));
  const AskCore core = Asking(deadline);
  v1::AgreePairingResponse response;
  response.set_code(PairingCode(answer.body()));
  TWINSEAL_ASSIGN_OR_RETURN(*response.mutable_agreement(),
                            SignAsIdentity(core, kAgreement, answer.body()));
  v1::PendingPairing pending;
  pending.set_pairing_id(transcript.pairing_id());
  pending.set_partner(joiner);
  pending.set_partner_fingerprint(FingerprintOf(transcript.joiner().identity_public_key_der()));
  pending.set_own_fingerprint(FingerprintOf(transcript.holder().identity_public_key_der()));
  pending.set_code(response.code());
  TWINSEAL_RETURN_IF_ERROR(parts_.file.AskConsole(pending));
  TWINSEAL_RETURN_IF_ERROR(ChangeCeremony([&](v1::PairState& next) {
    next.set_phase(v1::PairState::AGREED);
    *next.mutable_answer() = answer;
    *next.mutable_agreement() = response.agreement();
  }));
  return response;
}

Result<v1::PairingTranscript> Holder::Expect(v1::PairState::Phase phase,
                                             const std::string& pairing_id) {
  const v1::PairState state = Ceremony();
  if (state.phase() == v1::PairState::ALONE) return Due(state);
  TWINSEAL_ASSIGN_OR_RETURN(
      v1::PairingTranscript transcript,
      ReadTranscript(state.phase() == v1::PairState::OFFERED ? state.offer().body()
                                                             : state.answer().body()));
  if (transcript.pairing_id() != pairing_id) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the pairing under way is {}, not the one that was named",
                             transcript.pairing_id()));
  }
  if (state.phase() != phase) return Due(state);
  return transcript;
}

Result<v1::OwnKeyCopy> Holder::CopyOwnKey(std::string_view name) {
  const KeyDirectory::View view = parts_.directory.Find(name);
  if (view == nullptr) {
    return Error(Code::kInternal, fmt::format("the key {} is missing; report it", name));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key, parts_.store.Read(view->id));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> blob,
                            parts_.ledger.Get(BlobPath(view->id, key.current_version())));
  if (!blob) return Error(Code::kDataLoss, fmt::format("the ledger has no blob of {}", name));
  v1::OwnKeyCopy copy;
  copy.set_key(key.SerializeAsString());
  copy.set_replica_blob(ToString(blob->value));
  return copy;
}

Result<v1::DomainRelease> Holder::WrapDomain(const v1::PairingTranscript& transcript,
                                             const std::string& body, const AskCore& core) {
  v1::CoreRequest request;
  v1::WrapDomainRequest& wrap = *request.mutable_wrap_domain();
  wrap.set_transport_public_key_der(transcript.joiner_transport_public_key_der());
  wrap.set_transcript(body);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse wrapped, core(std::move(request)));
  v1::DomainRelease release;
  release.set_transcript(body);
  release.set_wrapped_domain_kek(wrapped.wrap_domain().wrapped_domain_kek());
  release.set_wrapped_binding_key(wrapped.wrap_domain().wrapped_binding_key());
  release.set_holder_proof(wrapped.wrap_domain().holder_proof());
  TWINSEAL_ASSIGN_OR_RETURN(*release.mutable_config(), Agreed(transcript));
  release.set_operator_ca_pem(parts_.operator_ca.certificate().Pem());
  release.set_ledger_ca_pem(parts_.ledger_ca.certificate().Pem());
  for (const std::string_view name : {kOperatorCaKey, kLedgerCaKey}) {
    TWINSEAL_ASSIGN_OR_RETURN(*release.add_own_keys(), CopyOwnKey(name));
  }
  return release;
}

Result<v1::ReleaseDomainResponse> Holder::Release(const v1::ReleaseDomainRequest& request,
                                                  Deadline deadline) {
  const MutexLock lock(mutex_);
  const v1::PairState state = Ceremony();
  v1::ReleaseDomainResponse response;
  *response.mutable_agreement() = state.agreement();
  if (Expect(v1::PairState::RELEASED, request.pairing_id()).ok()) {
    *response.mutable_release() = state.release();
    return response;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                            Expect(v1::PairState::AGREED, request.pairing_id()));
  const std::string& body = state.answer().body();
  TWINSEAL_RETURN_IF_ERROR(parts_.file.CheckConfirmed(transcript.pairing_id(), PairingCode(body)));
  // It was made at the beginning, by a process that may have ended since.
  TWINSEAL_RETURN_IF_ERROR(MakeLedgerCa(deadline));
  const AskCore core = Asking(deadline);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::DomainRelease release, WrapDomain(transcript, body, core));
  TWINSEAL_ASSIGN_OR_RETURN(*response.mutable_release(),
                            SignAsIdentity(core, kRelease, release.SerializeAsString()));
  TWINSEAL_RETURN_IF_ERROR(ChangeCeremony([&](v1::PairState& next) {
    next.set_phase(v1::PairState::RELEASED);
    *next.mutable_release() = response.release();
    *next.mutable_config() = release.config();
    next.set_operator_ca_pem(release.operator_ca_pem());
    next.set_ledger_ca_pem(release.ledger_ca_pem());
    *next.mutable_own_keys() = release.own_keys();
  }));
  return response;
}

Result<v1::ConcludePairingResponse> Holder::Conclude(const v1::ConcludePairingRequest& request,
                                                     Deadline deadline) {
  const MutexLock lock(mutex_);
  const v1::PairState state = Ceremony();
  v1::ConcludePairingResponse response;
  *response.mutable_config() = state.config();
  response.set_ledger_ca_pem(state.ledger_ca_pem());
  if (Expect(v1::PairState::MOVING, request.pairing_id()).ok() ||
      Expect(v1::PairState::PAIRED, request.pairing_id()).ok()) {
    return response;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript transcript,
                            Expect(v1::PairState::RELEASED, request.pairing_id()));
  v1::CoreRequest prove;
  prove.mutable_prove_domain()->set_transcript(state.answer().body());
  prove.mutable_prove_domain()->set_joiner_proof(request.joiner_proof());
  const Result<v1::CoreResponse> proved = Asking(deadline)(std::move(prove));
  if (!proved.ok()) return proved.error();
  TWINSEAL_RETURN_IF_ERROR(
      parts_.audit.AppendAndWait(RecordOf("pair/Conclude", parts_.place, DescribePairing(state))));
  parts_.file.ForgetConsole();
  if (parts_.file.state().phase() == v1::PairState::PAIRED) {
    TWINSEAL_RETURN_IF_ERROR(LetIn(state.config(), transcript.joiner().name(), deadline));
    return response;
  }
  TWINSEAL_RETURN_IF_ERROR(
      ChangeCeremony([](v1::PairState& next) { next.set_phase(v1::PairState::MOVING); }));
  parts_.restart();
  return response;
}

// Another appliance in a lost one's place: a member for it, the pair's record, and then what this
// site keeps of it. Each part may be repeated.
Status Holder::LetIn(const v1::PairConfig& config, const std::string& name, Deadline deadline) {
  TWINSEAL_RETURN_IF_ERROR(ReplaceMember(*FindPlace(config, name), deadline));
  // Changes do not wait for it before it is there.
  v1::SiteStanding away;
  away.set_standing(v1::SiteStanding::SUSPENDED);
  away.set_since_unix_ms(SystemMilliseconds());
  ledger::Transaction transaction;
  transaction.writes.push_back(
      ledger::Put{std::string(kConfigPath), ToBytes(config.SerializeAsString())});
  transaction.writes.push_back(ledger::Put{StandingPath(name), ToBytes(away.SerializeAsString())});
  TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const ledger::Outcome outcome,
                            parts_.ledger.Commit(transaction));
  TWINSEAL_RETURN_IF_ERROR(parts_.file.Change([&](v1::PairState& next) {
    *next.mutable_config() = config;
    // What a caller that did not hear the answer asks again for.
    next.mutable_replacement()->set_phase(v1::PairState::PAIRED);
  }));
  return parts_.changed();
}

// The new one's member has the lost one's name, so that it is kept which were there before it.
Status Holder::ReplaceMember(const v1::Place& place, Deadline deadline) {
  if (Ceremony().lost_members().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(std::vector<std::uint64_t> lost, parts_.find_lost(place));
    if (lost.empty()) lost.push_back(0);  // No member has it: there was none.
    TWINSEAL_RETURN_IF_ERROR(ChangeCeremony([&](v1::PairState& next) {
      next.mutable_lost_members()->Assign(lost.begin(), lost.end());
    }));
  }
  const v1::PairState ceremony = Ceremony();
  const auto& lost = ceremony.lost_members();
  return parts_.replace_members({lost.begin(), lost.end()}, place.peer(), deadline);
}

Result<v1::AbortPairingResponse> Holder::Abort(const v1::AbortPairingRequest& request,
                                               Deadline deadline) {
  const MutexLock lock(mutex_);
  const v1::PairState state = Ceremony();
  const Error concluded(Code::kFailedPrecondition,
                        "the pairing is concluded; `twinseal pair leave` undoes it");
  const v1::PairState own = parts_.file.state();
  if (own.phase() == v1::PairState::PAIRED && PairingIdOf(own) == request.pairing_id()) {
    return concluded;
  }
  if (state.phase() != v1::PairState::ALONE) {
    if (state.phase() != v1::PairState::OFFERED && state.phase() != v1::PairState::AGREED &&
        state.phase() != v1::PairState::RELEASED) {
      return concluded;
    }
    TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const v1::PairingTranscript transcript,
                              Expect(state.phase(), request.pairing_id()));
    TWINSEAL_RETURN_IF_ERROR(ChangeCeremony([&](v1::PairState& next) {
      next.Clear();
      next.set_site(parts_.place.name());
      next.set_begin_request_id(state.begin_request_id());
      next.set_begin_request_hash(state.begin_request_hash());
    }));
    parts_.file.ForgetConsole();
  }
  // From here on nothing of it is known here, so that nothing can conclude it.
  v1::AbortPairingResponse response;
  Result<v1::SignedMessage> word =
      SignAsIdentity(Asking(deadline), kAbandonment, request.pairing_id());
  if (word.ok()) *response.mutable_abandonment() = *std::move(word);
  return response;
}

}  // namespace twinseal::service
