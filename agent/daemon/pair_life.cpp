#include "agent/daemon/pair_life.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "agent/daemon/credentials.h"
#include "agent/daemon/places.h"
#include "common/crypto/provisional_tls.h"
#include "common/crypto/x509.h"

namespace twinseal::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kTendEvery{1};
// Sites that start at the same time have certificates to give a little later.
constexpr seconds kFirstRetry{1};
constexpr seconds kLongestRetry{30};
constexpr seconds kUseRetry{5};
constexpr seconds kKeepEvery{10};
constexpr std::chrono::hours kCheckOwnEvery{1};
// For an operator to notice and to have another one issued.
constexpr std::chrono::days kEndsSoon{30};

crypto::UnixTime Now() {
  return std::chrono::time_point_cast<seconds>(std::chrono::system_clock::now());
}

// Whether the member can go on as it is, whatever else has changed.
bool SameMember(const v1::PairConfig& one, const v1::PairConfig& other, const std::string& name) {
  const v1::Place* const before = FindPlace(one, name);
  const v1::Place* const now = FindPlace(other, name);
  return before != nullptr && now != nullptr && before->peer() == now->peer() &&
         one.domain_id() == other.domain_id() && one.cluster_token() == other.cluster_token();
}

}  // namespace

PairLife::PairLife(const Options& options, AlarmBoard& alarms, Health& health,
                   ServerCertificate& certificate)
    : options_(options),
      alarms_(alarms),
      health_(health),
      certificate_(certificate),
      desk_(options.data_dir, options.proxy) {
  thread_ = std::thread([this] { Run(); });
}

PairLife::~PairLife() { Stop(); }

void PairLife::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    stops_.NotifyAll();
  }
  desk_.Stop();
  if (thread_.joinable()) thread_.join();
}

bool PairLife::Pause(Clock::duration time) {
  const auto until = Clock::now() + time;
  const MutexLock lock(mutex_);
  while (!stopping_ && stops_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

void PairLife::Tell(const std::string& line) {
  if (line != told_) spdlog::warn("{}", line);
  told_ = line;
}

void PairLife::Run() {
  while (AwaitPairing()) {
    bool goes_on = true;
    while (goes_on && Tend()) goes_on = Pause(kTendEvery);
    health_.Use(nullptr, "the agent starts anew with another pair's record");
    witness_->Stop();
    Keep();
    witness_.reset();
    if (!goes_on) return;
  }
}

bool PairLife::AwaitPairing() {
  while (true) {
    const Status begun = Begin();
    if (begun.ok()) return true;
    const bool unpaired = begun.error().code() == Code::kNotFound;
    const std::string why =
        unpaired ? "not paired yet: run `twinseal pair create` here" : begun.error().message();
    Tell(why);
    health_.Use(nullptr, why);
    if (!Pause(kTendEvery)) return false;
  }
}

Status PairLife::Begin() {
  TWINSEAL_ASSIGN_OR_RETURN(file_, StateFile::Open(options_.data_dir / "state"));
  const v1::WitnessState state = file_->state();
  if (FindPlace(state.config(), options_.name) == nullptr) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the pair's record names no place '{}'; is `name` in the agent's "
                             "configuration as it was when the pair was made?",
                             options_.name));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate operator_ca,
                            crypto::Certificate::FromPem(state.operator_ca_pem()));
  // It may be better by now, or another pair's.
  TWINSEAL_ASSIGN_OR_RETURN(
      ServerCertificate::Tls provisional,
      crypto::MakeProvisionalTls("Twinseal, waits for certificates", operator_ca, Now()));
  certificate_.Use(std::move(provisional));
  auto witness = std::make_shared<Witness>(options_, state, alarms_);
  TWINSEAL_RETURN_IF_ERROR(witness->WatchSites(state));
  witness_ = std::move(witness);
  followed_ = state.config();
  certificates_due_ = keep_due_ = own_certificate_due_ = Clock::now();
  retry_ = kFirstRetry;
  fresh_.reset();
  health_.Use(witness_, "it waits for certificates from a site");
  spdlog::info("the witness '{}' of the pair {}", options_.name, state.config().domain_id());
  return Ok();
}

bool PairLife::Tend() {
  if (!FollowRecord()) return false;
  const Clock::time_point now = Clock::now();
  if (now >= certificates_due_) GetCertificates();
  if (fresh_.has_value() && now >= use_due_) UseCertificates();
  if (now >= own_certificate_due_) CheckOwnCertificate();
  if (now >= keep_due_) Keep();
  witness_->TidyUp();
  return true;
}

bool PairLife::FollowRecord() {
  if (const Status read = file_->Refresh(); !read.ok()) {
    const bool left = read.error().code() == Code::kNotFound;
    Tell(left ? "the pair's record is gone: the agent leaves the pair" : read.error().message());
    return !left;
  }
  TakeNewerRecord();
  const v1::WitnessState state = file_->state();
  if (state.config().SerializeAsString() == followed_.SerializeAsString()) return true;
  spdlog::info("the pair's record has changed: epoch {}", state.config().epoch());
  if (!SameMember(followed_, state.config(), options_.name)) return false;
  const Status watched = witness_->WatchSites(state);
  if (!watched.ok()) Tell(watched.error().message());
  followed_ = state.config();
  return true;
}

void PairLife::TakeNewerRecord() {
  const std::optional<v1::PairConfig> told = witness_->sites().NewestConfig();
  if (!told || !Succeeds(*told, file_->state().config())) return;
  const Status kept = file_->Change([&](v1::WitnessState& state) {
    if (Succeeds(*told, state.config())) *state.mutable_config() = *told;
  });
  if (!kept.ok()) Tell(kept.error().message());
}

void PairLife::GetCertificates() {
  Result<PlaceCertificates> certificates = Ask();
  if (!certificates.ok()) TellReadiness(certificates.error());
  alarms_.Set(!certificates.ok(), alarm::kCertificates, options_.name,
              certificates.ok() ? ""
                                : fmt::format("this place gets no certificates from the sites: {}",
                                              certificates.error().message()));
  if (certificates.ok()) {
    certificates_due_ = certificates->renew_at;
    retry_ = kFirstRetry;
    certificate_.Use(certificates->server);
    fresh_ = std::move(*certificates);
    use_due_ = Clock::now();
    return;
  }
  Tell(certificates.error().message());
  certificates_due_ = Clock::now() + retry_;
  // A refusal is in the site's audit log; one that is not reached notices nothing.
  if (certificates.error().code() != Code::kUnavailable)
    retry_ = std::min<Clock::duration>(2 * retry_, kLongestRetry);
}

Result<PlaceCertificates> PairLife::Ask() {
  const v1::WitnessState state = file_->state();
  if (witness_->member_started()) return desk_.Ask(state, false);
  TWINSEAL_ASSIGN_OR_RETURN(const MemberFolder folder,
                            ChooseMemberFolder(options_.data_dir, state));
  if (folder.lost) {
    Tell(
        fmt::format("{} is gone, and with it what this place's member of the ledger has promised: "
                    "it comes back as a new member",
                    folder.path.string()));
  }
  return desk_.Ask(state, folder.lost);
}

void PairLife::UseCertificates() {
  const bool starts = !witness_->member_started();
  const Status used =
      starts ? witness_->StartMember(file_->state(), *fresh_) : witness_->Renew(*fresh_);
  if (starts) {
    alarms_.Set(!used.ok(), alarm::kLedgerMember, options_.name,
                used.ok() ? ""
                          : fmt::format("this place's member of the ledger cannot be started: {}",
                                        used.error().message()));
  }
  TellReadiness(used);
  if (used.ok()) {
    fresh_.reset();
    if (starts) Keep();  // That it takes part from now on.
    return;
  }
  Tell(used.error().message());
  use_due_ = Clock::now() + kUseRetry;
}

// Once the member runs, it is it that counts.
void PairLife::TellReadiness(const Status& status) {
  const bool counts = !status.ok() && !witness_->member_started();
  health_.Use(witness_, counts ? status.error().message() : "");
}

void PairLife::CheckOwnCertificate() {
  own_certificate_due_ = Clock::now() + kCheckOwnEvery;
  const Result<crypto::UnixTime> end = CertificateEnd(options_.data_dir);
  const std::string what =
      end.ok() ? fmt::format("ends in {} days",
                             std::chrono::floor<std::chrono::days>(*end - Now()).count())
               : "cannot be read: " + end.error().message();
  alarms_.Set(!end.ok() || *end - Now() < kEndsSoon, alarm::kAgentCertificate, options_.name,
              fmt::format("the agent's own certificate {} {}; have an operator issue another for "
                          "its key with `twinseal client issue`",
                          (options_.data_dir / "agent.pem").string(), what));
}

void PairLife::Keep() {
  keep_due_ = Clock::now() + kKeepEvery;
  const Status kept = file_->Change([this](v1::WitnessState& state) { witness_->Report(state); });
  // Gone with the pair: there is nothing to keep.
  if (!kept.ok() && kept.error().code() != Code::kNotFound) Tell(kept.error().message());
}

}  // namespace twinseal::agent
