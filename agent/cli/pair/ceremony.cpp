#include "agent/cli/pair/ceremony.h"

#include <utility>

#include <fmt/format.h>

#include "agent/cli/pair/ceremony_words.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/pair/witness.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/types.h"
#include "common/crypto/digest.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

// The holder copies its ledger, some thousand records a second, and both sites start anew.
constexpr std::chrono::minutes kMoveWithin{30};

// A site that starts anew is there again in seconds; with a large vault in some more.
constexpr std::chrono::minutes kStartsWithin{2};

constexpr const char* kPaired = "paired";

// Whether the other of the joiner's two faces may answer: it shows one certificate or the other,
// and with that of the domain it speaks to those alone who have one.
bool MayKnowMore(const Error& error) {
  return error.code() == Code::kUnauthenticated || error.code() == Code::kPermissionDenied ||
         error.code() == Code::kUnavailable;
}

Result<v1::DomainRelease> ReleaseOf(const v1::CeremonyState& state) {
  v1::DomainRelease release;
  if (!release.ParseFromString(state.release().release().body())) {
    return Error(Code::kDataLoss, fmt::format("the release of site {} cannot be read; are the "
                                              "site and this program of the same release?",
                                              Printable(state.holder())));
  }
  return release;
}

}  // namespace

Status AskJoiner(const Parties& parties, std::string_view procedure,
                 const google::protobuf::Message& request, google::protobuf::Message& response) {
  Status asked = parties.stranger.CallAt(0, procedure, request, response);
  if (asked.ok() || !MayKnowMore(asked.error())) return asked;
  Status known = parties.joiner.CallAt(0, procedure, request, response);
  return known.ok() || !MayKnowMore(known.error()) ? known : asked;
}

Result<v1::GetPairResponse> LookAtJoiner(const Parties& parties) {
  v1::GetPairResponse response;
  TWINSEAL_RETURN_IF_ERROR(
      AskJoiner(parties, "SiteService/GetPair", v1::GetPairRequest(), response));
  return response;
}

Status Ceremony::Run(const CeremonyPlan& plan) {
  TWINSEAL_RETURN_IF_ERROR(BeginOrResume(plan));
  TWINSEAL_RETURN_IF_ERROR(FindHolder());
  if (!state_.has_conclusion()) {
    TWINSEAL_RETURN_IF_ERROR(FindJoiner());
    TWINSEAL_RETURN_IF_ERROR(Offer());
    TWINSEAL_RETURN_IF_ERROR(Answer());
    TWINSEAL_RETURN_IF_ERROR(Agree());
    if (state_.joiner_proof().empty()) TellOperators(plan);
    const TimeLimit limit(surroundings_, plan.confirm_within);
    TWINSEAL_RETURN_IF_ERROR(Release(limit));
    TWINSEAL_RETURN_IF_ERROR(Accept(limit));
    TWINSEAL_RETURN_IF_ERROR(MakeWitness());
    TWINSEAL_RETURN_IF_ERROR(Conclude());
  }
  TWINSEAL_RETURN_IF_ERROR(AwaitPaired());
  return file_.Remove();
}

Status Ceremony::BeginOrResume(const CeremonyPlan& plan) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<v1::CeremonyState> kept, file_.Load());
  if (kept) {
    state_ = *kept;
    if (state_.joiner_endpoint() == plan.joiner_endpoint && state_.replaces() == plan.replaces) {
      say_ << "Going on with the ceremony that was begun.\n";
      return Ok();
    }
    return Error(Code::kFailedPrecondition,
                 fmt::format("a ceremony with {} is under way{}; go on with it by naming the same, "
                             "or undo it: `twinseal pair abort`",
                             Printable(state_.joiner_endpoint()),
                             state_.replaces().empty()
                                 ? ""
                                 : ", which replaces site " + Printable(state_.replaces())));
  }
  if (plan.forget_pair) TWINSEAL_RETURN_IF_ERROR(WitnessFiles(agent_).Remove());
  if (plan.replaces.empty() && WitnessFiles(agent_).complete()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("this agent is a pair's witness already ({}); `twinseal pair replace` "
                             "puts a new appliance into a lost one's place, and when that pair is "
                             "over, say --forget-pair",
                             Printable(agent_.data_dir)));
  }
  state_.set_id(KeyId::Random().Hex());
  state_.set_joiner_endpoint(plan.joiner_endpoint);
  state_.set_replaces(plan.replaces);
  return Ok();
}

Status Ceremony::FindHolder() {
  if (state_.holder().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint found,
                              FirstSite(parties_.sites, state_.replaces()));
    holder_ = found.endpoint;
    state_.set_holder(found.site);
    return Ok();
  }
  // In a ceremony that was begun it may just be starting anew.
  const TimeLimit limit(surroundings_, kStartsWithin);
  bool told = false;
  while (true) {
    const Result<SiteEndpoint> found = FindSite(parties_.sites, state_.holder());
    if (found.ok()) {
      holder_ = found->endpoint;
      return Ok();
    }
    if (!MayPass(found.error()) || !limit.Wait()) return found.error();
    if (!std::exchange(told, true)) {
      say_ << fmt::format("Waiting for site {}.\n", Printable(state_.holder())) << std::flush;
    }
  }
}

// The joiner's name comes from the joiner: its operator chose it, and will see it at the console.
Status Ceremony::FindJoiner() {
  if (!state_.joiner().empty()) return Ok();
  const Result<v1::GetPairResponse> seen = GetPair(parties_.stranger, 0);
  if (!seen.ok()) return seen.error().Within("asking the joiner who it is");
  const std::string& name = seen->site();
  if (const auto parsed = SiteName::Parse(name); !parsed.ok()) {
    return parsed.error().Within("the joiner's name");
  }
  if (seen->phase() == "answered") {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance at {0} has answered another offer; when nobody waits "
                             "for that one, undo it: `twinseal pair abort --joiner {0}`",
                             Printable(state_.joiner_endpoint())));
  }
  if (seen->phase() != "joining") {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance at {} cannot join: it is {}; one that can is set up "
                             "with `twinseal appliance init --join`",
                             Printable(state_.joiner_endpoint()), Printable(seen->phase())));
  }
  if (!state_.replaces().empty() && name != state_.replaces()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance at {} is called {}, not {}; who takes a lost site's "
                             "place takes its name: set site = \"{}\" in its twinseald.conf",
                             Printable(state_.joiner_endpoint()), name,
                             Printable(state_.replaces()), Printable(state_.replaces())));
  }
  if (name == state_.holder() || name == agent_.name) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance at {} is called {}, as {} is; give it another name: "
                             "site in its twinseald.conf",
                             Printable(state_.joiner_endpoint()), name,
                             name == agent_.name ? "the agent" : "the site that it is to join"));
  }
  state_.set_joiner(name);
  return Keep();
}

Status Ceremony::Offer() {
  if (state_.has_offer()) return Ok();
  v1::BeginPairingRequest request;
  request.set_request_id(CeremonyRequestId(state_, "begin"));
  request.set_joiner_name(state_.joiner());
  request.set_witness_name(agent_.name);
  request.set_witness_peer(agent_.peer);
  request.set_witness_api(agent_.api);
  request.set_replaces(state_.replaces());
  v1::BeginPairingResponse response;
  TWINSEAL_RETURN_IF_ERROR(AskHolder("PairingService/BeginPairing", request, response));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PairingTranscript offered, TranscriptOf(response.offer()));
  state_.set_pairing_id(offered.pairing_id());
  *state_.mutable_offer() = response.offer();
  return Keep();
}

Status Ceremony::Answer() {
  if (state_.has_answer()) return Ok();
  v1::AnswerPairingRequest request;
  *request.mutable_offer() = state_.offer();
  v1::AnswerPairingResponse response;
  TWINSEAL_RETURN_IF_ERROR(
      parties_.stranger.CallAt(0, "PairingService/AnswerPairing", request, response));
  *state_.mutable_answer() = response.answer();
  state_.set_code(response.code());
  return Keep();
}

Status Ceremony::Agree() {
  if (state_.has_agreement()) return Ok();
  v1::AgreePairingRequest request;
  request.set_request_id(CeremonyRequestId(state_, "agree"));
  *request.mutable_answer() = state_.answer();
  v1::AgreePairingResponse response;
  TWINSEAL_RETURN_IF_ERROR(AskHolder("PairingService/AgreePairing", request, response));
  if (response.code() != state_.code() || response.agreement().body() != state_.answer().body()) {
    return Error(Code::kDataLoss,
                 "the two sites do not have the same transcript: somebody is in between; confirm "
                 "nothing, undo it with `twinseal pair abort` and look into the network");
  }
  *state_.mutable_agreement() = response.agreement();
  return Keep();
}

void Ceremony::TellOperators(const CeremonyPlan& plan) const {
  const Result<v1::PairingTranscript> transcript = TranscriptOf(state_.answer());
  // It was read by the holder already, or there would be no agreement.
  if (transcript.ok()) TellCode(say_, state_, *transcript, FormatDuration(plan.confirm_within));
}

Status Ceremony::AwaitConfirmation(const std::string& site, const TimeLimit& limit,
                                   const std::function<Status()>& ask,
                                   const std::function<Result<v1::GetPairResponse>()>& look) const {
  while (true) {
    const Status asked = ask();
    if (asked.ok()) {
      say_ << fmt::format("Site {} has confirmed.\n", Printable(site)) << std::flush;
      return Ok();
    }
    const Code code = asked.error().code();
    if (code != Code::kFailedPrecondition && !MayPass(asked.error())) return asked.error();
    if (code == Code::kFailedPrecondition) {
      const Result<v1::GetPairResponse> seen = look();
      // Another phase, or another ceremony: it refuses for good.
      const bool waits = seen.ok() ? seen->pairing_id() == state_.pairing_id() &&
                                         (seen->phase() == "agreed" ||
                                          seen->phase() == "answered" || seen->phase() == kPaired)
                                   : MayPass(seen.error());
      if (!waits) return asked.error();
    }
    if (!limit.Wait()) {
      return Error(Code::kDeadlineExceeded,
                   fmt::format("the time is over: {}", asked.error().message()));
    }
  }
}

Status Ceremony::Release(const TimeLimit& limit) {
  if (state_.has_release()) return Ok();
  v1::ReleaseDomainRequest request;
  request.set_request_id(CeremonyRequestId(state_, "release"));
  request.set_pairing_id(state_.pairing_id());
  v1::ReleaseDomainResponse response;
  TWINSEAL_RETURN_IF_ERROR(AwaitConfirmation(
      state_.holder(), limit,
      [&] { return AskHolder("PairingService/ReleaseDomain", request, response); },
      [&] { return GetPair(parties_.sites, holder_); }));
  *state_.mutable_release() = response;
  return Keep();
}

Status Ceremony::Accept(const TimeLimit& limit) {
  if (!state_.joiner_proof().empty()) return Ok();
  v1::AcceptDomainRequest request;
  *request.mutable_agreement() = state_.release().agreement();
  *request.mutable_release() = state_.release().release();
  v1::AcceptDomainResponse response;
  TWINSEAL_RETURN_IF_ERROR(AwaitConfirmation(
      state_.joiner(), limit,
      [&] { return AskJoiner(parties_, "PairingService/AcceptDomain", request, response); },
      [&] { return LookAtJoiner(parties_); }));
  state_.set_joiner_proof(response.joiner_proof());
  return Keep();
}

// A witness that is one already, of this very domain, goes on with what it has until the pair has
// changed.
Status Ceremony::MakeWitness() {
  if (state_.witness_written()) return Ok();
  const WitnessFiles files(agent_);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::DomainRelease release, ReleaseOf(state_));
  if (!state_.made_witness() && files.complete()) {
    return files.CheckDomain(release.config().domain_id());
  }
  if (!state_.made_witness()) {
    state_.set_made_witness(true);
    TWINSEAL_RETURN_IF_ERROR(Keep());
  }
  TWINSEAL_RETURN_IF_ERROR(CertifyWitness(release.operator_ca_pem()));
  TWINSEAL_RETURN_IF_ERROR(
      files.WriteState(release.config(), release.operator_ca_pem(), release.ledger_ca_pem()));
  state_.set_witness_written(true);
  return Keep();
}

Status Ceremony::CertifyWitness(const std::string& ca_pem) {
  const WitnessFiles files(agent_);
  if (state_.witness_csr_pem().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(*state_.mutable_witness_csr_pem(), files.RequestCertificate());
    TWINSEAL_RETURN_IF_ERROR(Keep());
  }
  v1::IssueClientCertificateRequest request;
  request.set_request_id(CeremonyRequestId(state_, "witness"));
  request.set_role(v1::AGENT);
  request.set_name(agent_.name);
  request.set_csr_pem(state_.witness_csr_pem());
  v1::IssueClientCertificateResponse response;
  TWINSEAL_RETURN_IF_ERROR(AskHolder("ApplianceService/IssueClientCertificate", request, response));
  return files.WriteCertificate(response.certificate_pem(), ca_pem);
}

Status Ceremony::Conclude() {
  v1::ConcludePairingRequest request;
  request.set_request_id(CeremonyRequestId(state_, "conclude"));
  request.set_pairing_id(state_.pairing_id());
  request.set_joiner_proof(state_.joiner_proof());
  v1::ConcludePairingResponse response;
  // Just after a place was lost or has come back, the ledger takes in no new member.
  const TimeLimit limit(surroundings_, kStartsWithin);
  while (true) {
    const Status asked = AskHolder("PairingService/ConcludePairing", request, response);
    if (asked.ok()) break;
    if (!MayPass(asked.error()) || !limit.Wait()) return asked;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::DomainRelease release, ReleaseOf(state_));
  TWINSEAL_RETURN_IF_ERROR(WitnessFiles(agent_).WriteState(
      response.config(), release.operator_ca_pem(), response.ledger_ca_pem()));
  *state_.mutable_conclusion() = response;
  return Keep();
}

Status Ceremony::AwaitPaired() {
  say_ << (state_.replaces().empty()
               ? "Concluded. The ledger moves; start twinseal-agent now unless it runs.\n"
               : "Concluded. The new appliance takes in what the pair has.\n")
       << std::flush;
  const TimeLimit limit(surroundings_, kMoveWithin);
  std::string missing;
  while (true) {
    missing.clear();
    const auto note = [&missing](const std::string& site, const Result<v1::GetPairResponse>& seen) {
      if (seen.ok() && seen->phase() == kPaired) return;
      missing += fmt::format(
          "{}site {}: {}", missing.empty() ? "" : "; ", Printable(site),
          seen.ok() ? seen->phase() + (seen->detail().empty() ? "" : ", " + seen->detail())
                    : seen.error().message());
    };
    note(state_.holder(), GetPair(parties_.sites, holder_));
    note(state_.joiner(), GetPair(parties_.joiner, 0));
    if (missing.empty()) return Ok();
    if (!limit.Wait()) {
      return Error(Code::kDeadlineExceeded,
                   fmt::format("the sites are not done yet ({}); `twinseal pair status` shows how "
                               "far they are",
                               missing));
    }
  }
}

}  // namespace twinseal::cli
