#include "agent/daemon/pair_life.h"

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
constexpr seconds kRetryFirst{1};
// The old ones serve for days yet.
constexpr seconds kRetryRenewal{60};
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
  health_.Use(witness_, "it waits for certificates from a site");
  spdlog::info("the witness '{}' of the pair {}", options_.name, state.config().domain_id());
  return Ok();
}

bool PairLife::Tend() {
  if (!FollowRecord()) return false;
  const Clock::time_point now = Clock::now();
  if (now >= certificates_due_) GetCertificates();
  if (now >= own_certificate_due_) CheckOwnCertificate();
  if (now >= keep_due_) Keep();
  witness_->TidyUp();
  return true;
}

bool PairLife::FollowRecord() {
  if (const Status read = file_->Refresh(); !read.ok()) {
    Tell(read.error().message());
    return read.error().code() != Code::kNotFound;
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
  const bool first = !witness_->member_started();
  Result<PlaceCertificates> certificates = desk_.Ask(file_->state());
  Status used = certificates.ok() ? Ok() : Status(certificates.error());
  if (used.ok()) {
    const Clock::time_point renew_at = certificates->renew_at;
    used = UseCertificates(std::move(*certificates));
    if (used.ok()) certificates_due_ = renew_at;
  }
  if (!used.ok()) {
    certificates_due_ = Clock::now() + (first ? kRetryFirst : kRetryRenewal);
    Tell(used.error().message());
  }
  if (first) health_.Use(witness_, used.ok() ? "" : used.error().message());
  alarms_.Set(!used.ok(), alarm::kCertificates, options_.name,
              used.ok() ? ""
                        : fmt::format("this place gets no certificates from the sites: {}",
                                      used.error().message()));
}

Status PairLife::UseCertificates(PlaceCertificates certificates) {
  certificate_.Use(certificates.server);
  if (witness_->member_started()) return witness_->Renew(std::move(certificates));
  return witness_->StartMember(file_->state(), std::move(certificates));
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
