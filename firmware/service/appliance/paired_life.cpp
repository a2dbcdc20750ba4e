#include "firmware/service/appliance/paired_life.h"

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/base/own_folder.h"
#include "common/client/caller.h"
#include "common/ledger/sqlite_ledger.h"
#include "firmware/service/appliance/checkpoint_signer.h"
#include "firmware/service/appliance/own_record.h"
#include "firmware/service/appliance/running.h"
#include "firmware/service/pair/holder.h"
#include "firmware/service/pair/ledger_copy.h"
#include "firmware/service/pair/newest_files.h"
#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/places.h"
#include "firmware/service/pair/site_progress.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::service {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kOwnKeyTime{20};
// A copy of a running site's files that is put back before the site's next start is known for what
// it is when it is older than that.
constexpr std::chrono::minutes kRenewMark{1};
// For another site to ask the ledger for it; its own member may look for a leader.
constexpr std::chrono::milliseconds kMarkTime{2'500};

MembershipOptions MembershipOf(const Options& options, const Files& files) {
  return {.site = options.site,
          .folder = files.folder / "etcd",
          .etcd_program = options.etcd_program,
          .peer_listen = options.peer_listen,
          .names = options.ledger_names,
          .proxy = options.proxy,
          .heartbeat = std::chrono::milliseconds(options.heartbeat_ms),
          .election = std::chrono::milliseconds(options.election_ms),
          .quota_bytes = std::uint64_t{options.ledger_quota_mib} << 20U};
}

}  // namespace

PairedLife::PairedLife(const Options& options, Files& files, Foundation& foundation,
                       CoreSupervisor& core, audit::AuditLog& audit, PairBarrier& barrier,
                       std::function<void()> serving)
    : options_(options),
      files_(files),
      foundation_(foundation),
      core_(core),
      audit_(audit),
      barrier_(barrier),
      serving_(std::move(serving)),
      lease_(foundation.store.site(), *files.late, foundation.feed.applied(), SystemMilliseconds),
      membership_(
          MembershipOf(options, files), *files.pair, core, foundation.ledger_ca, *files.late,
          [this] { return AskForMark(); },
          [this] {
            Status opened = Opened();
            SayNotReady(opened.ok() ? "" : opened.error().message());
            return opened;
          },
          [this](const std::string& why) { AwaitLedger(why); },
          [this] {
            FollowNewerConfig();
            RenewMark();
          }),
      maintenance_(foundation.store.site(), *files.late, lease_, barrier, membership_,
                   SystemMilliseconds) {}

std::string PairedLife::NotReady() const {
  {
    const MutexLock lock(mutex_);
    if (!not_ready_.empty()) return not_ready_;
  }
  return lease_.NotReady();
}

void PairedLife::SayNotReady(std::string why) {
  const MutexLock lock(mutex_);
  not_ready_ = std::move(why);
}

void PairedLife::Start() {
  if (files_.pair->state().phase() != v1::PairState::FENCED) return membership_.Start();
  spdlog::error("{}", kFencedReason);
  files_.late->Waits(std::string(kFencedReason));
  SayNotReady(std::string(kFencedReason));
}

void PairedLife::Stop() {
  lease_.Stop();
  barrier_.Close();
  foundation_.follower.Stop();
  membership_.Stop();
  const MutexLock lock(meeting_);
  asked_.clear();
}

Status PairedLife::Prepare() {
  const v1::PairState state = files_.pair->state();
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Certificate operator_ca,
                            crypto::Certificate::FromPem(state.operator_ca_pem()));
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Certificate ledger_ca,
                            crypto::Certificate::FromPem(state.ledger_ca_pem()));
  foundation_.ca.Use(std::move(operator_ca));
  foundation_.ledger_ca.Use(std::move(ledger_ca));
  TWINSEAL_RETURN_IF_ERROR(WriteFileAtomically(files_.ca(), state.operator_ca_pem()));
  for (const v1::OwnKeyCopy& copy : state.own_keys()) {
    v1::Key key;
    if (!key.ParseFromString(copy.key())) {
      return Error(Code::kDataLoss, "the pair's file is damaged; put a copy of it back");
    }
    TWINSEAL_RETURN_IF_ERROR(foundation_.directory.Apply(key, ledger::Revision{}));
  }
  return Ok();
}

void PairedLife::InstallOwnKeys() {
  const v1::PairState state = files_.pair->state();
  for (const v1::OwnKeyCopy& copy : state.own_keys()) {
    // The vault has it, but for the first time.
    const Status installed =
        Install(core_, AsBytes(copy.replica_blob()), steady_clock::now() + kOwnKeyTime);
    if (!installed.ok()) {
      spdlog::warn("telling the signing core about the domain's own keys: {}",
                   installed.error().message());
    }
  }
}

Status PairedLife::Opened() {
  switch (files_.pair->state().phase()) {
    case v1::PairState::MOVING:
      TWINSEAL_RETURN_IF_ERROR(MoveLedger());
      break;
    case v1::PairState::ACCEPTED:
      TWINSEAL_RETURN_IF_ERROR(AwaitMove());
      break;
    case v1::PairState::LEAVING:
      return TakeLedgerAlong();
    default:
      break;
  }
  TWINSEAL_RETURN_IF_ERROR(ProveFiles());
  if (!following_) {
    TWINSEAL_RETURN_IF_ERROR(foundation_.feed.Start());
    following_ = true;
    foundation_.follower.Start();
  }
  TWINSEAL_RETURN_IF_ERROR(MakeAuditKey());
  if (files_.pair->state().phase() == v1::PairState::ACCEPTED) {
    TWINSEAL_RETURN_IF_ERROR(RecordJoining());
    TWINSEAL_RETURN_IF_ERROR(
        files_.pair->Change([](v1::PairState& next) { next.set_phase(v1::PairState::PAIRED); }));
  }
  TWINSEAL_RETURN_IF_ERROR(MeetOthers());
  serving_();
  return Ok();
}

// What is older than what the site had does not serve, and does not vote on the ledger.
Status PairedLife::ProveFiles() {
  if (refused_) return *refused_;
  if (proved_) return Ok();
  const Status proved =
      ProveNewestFiles(*files_.pair, *files_.ledger, foundation_.store.site().text());
  renew_mark_at_ = steady_clock::now() + kRenewMark;
  if (!proved.ok() && proved.error().code() == Code::kDataLoss) return Refuse(proved.error());
  // A full ledger takes no new mark, but the site signs on.
  proved_ = proved.ok() || proved.error().code() == Code::kResourceExhausted;
  return proved_ ? Ok() : proved;
}

void PairedLife::RenewMark() {
  if (!proved_ || steady_clock::now() < renew_mark_at_) return;
  const Status proved =
      ProveNewestFiles(*files_.pair, *files_.ledger, foundation_.store.site().text());
  if (proved.ok()) renew_mark_at_ = steady_clock::now() + kRenewMark;
  if (proved.ok() || proved.error().code() != Code::kDataLoss) return;
  // A copy of these files serves as this site: one of the two is too many, and this one is older.
  spdlog::error("{}", proved.error().message());
  AskForRestart();
}

Status PairedLife::MakeSiteIdentity() {
  TWINSEAL_ASSIGN_OR_RETURN(const policy::Principal site,
                            policy::Principal::Make(v1::SITE, foundation_.store.site().text()));
  // It is in this process's memory alone.
  TWINSEAL_ASSIGN_OR_RETURN(site_key_, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::Certificate certificate,
      foundation_.ca.IssueClient(site, site_key_->public_key(), kMaxClientDays,
                                 steady_clock::now() + kOwnKeyTime));
  site_certificate_ = certificate.Pem();
  return Ok();
}

// How each of them is reached, as the site that this one is.
Result<std::map<std::string, connect::ClientOptions>> PairedLife::OtherSites() {
  if (!site_key_) TWINSEAL_RETURN_IF_ERROR(MakeSiteIdentity());
  std::map<std::string, connect::ClientOptions> sites;
  const v1::PairState state = files_.pair->state();
  for (const v1::Place& place : state.config().places()) {
    if (place.witness() || place.name() == foundation_.store.site().text()) continue;
    connect::ClientOptions& options = sites[place.name()];
    options.endpoints = {place.api()};
    options.ca_pem = state.operator_ca_pem();
    options.certificate_pem = site_certificate_;
    TWINSEAL_ASSIGN_OR_RETURN(options.key_pem, site_key_->Pem());
    options.proxy = options_.proxy;
  }
  return sites;
}

// Every other site is asked how far it is.
Result<PairBarrier::Others> PairedLife::AskOthers() {
  TWINSEAL_ASSIGN_OR_RETURN(auto sites, OtherSites());
  PairBarrier::Others others;
  const std::uint64_t epoch = files_.pair->state().config().epoch();
  for (auto& [name, options] : sites) {
    TWINSEAL_ASSIGN_OR_RETURN(
        others[name], SiteProgress::Start(std::move(options), epoch,
                                          [this](const v1::PairConfig& newer) { Hear(newer); }));
  }
  return others;
}

// And for what this one's archive lacks.
Status PairedLife::ReadOthersArchives() {
  TWINSEAL_ASSIGN_OR_RETURN(auto sites, OtherSites());
  std::vector<std::shared_ptr<SiteArchive>> archives;
  for (auto& [name, options] : sites) {
    TWINSEAL_ASSIGN_OR_RETURN(archives.emplace_back(),
                              SiteArchive::Create(name, std::move(options)));
  }
  const MutexLock known(mutex_);
  archives_ = std::move(archives);
  return Ok();
}

// A member that has forgotten what it acknowledged must not run, and what it would acknowledge then
// the newest files would not know. When nobody can say, as when all places start at once, the
// ledger says it.
Status PairedLife::AskForMark() {
  if (refused_) return *refused_;
  const v1::PairState state = files_.pair->state();
  if (state.phase() != v1::PairState::PAIRED) return Ok();
  const MutexLock lock(meeting_);
  TWINSEAL_ASSIGN_OR_RETURN(auto sites, OtherSites());
  for (auto& [name, options] : sites) {
    TWINSEAL_ASSIGN_OR_RETURN(const auto caller, client::Caller::Create(std::move(options)));
    v1::GetMarkResponse response;
    connect::CallOptions call;
    call.timeout = kMarkTime;
    const Status asked =
        caller->CallAt(0, "/twinseal.v1.SiteService/GetMark", v1::GetMarkRequest(), response, call);
    if (!asked.ok()) continue;
    const Status newest = CheckMark(state, response.record());
    if (!newest.ok() && newest.error().code() == Code::kDataLoss) return Refuse(newest.error());
  }
  return Ok();
}

Status PairedLife::Refuse(const Error& why) {
  spdlog::error("{}", why.message());
  refused_ = why;
  membership_.StopMember();
  return why;
}

Status PairedLife::FollowConfig() {
  const MutexLock lock(meeting_);
  asked_.clear();
  TWINSEAL_ASSIGN_OR_RETURN(PairBarrier::Others others, AskOthers());
  barrier_.Open(lease_, *files_.late, std::move(others));
  return ReadOthersArchives();
}

journal::OtherArchives PairedLife::archives() const {
  const MutexLock lock(mutex_);
  return {archives_.begin(), archives_.end()};
}

void PairedLife::StopReading() {
  std::vector<std::shared_ptr<SiteArchive>> archives;
  {
    const MutexLock lock(mutex_);
    archives.swap(archives_);
  }
  for (const std::shared_ptr<SiteArchive>& archive : archives) archive->Stop();
}

// The ledger's other members may not let this site in any more, and tell it nothing. The other
// sites tell it how the pair is now.
void PairedLife::AwaitLedger(const std::string& why) {
  if (!refused_ && !files_.late->open()) {
    SayNotReady("the pair's ledger is not reached yet: " + why);
  }
  if (refused_) SayNotReady(why);
  const bool belongs = files_.pair->state().phase() == v1::PairState::PAIRED;
  const bool core_was_ready = membership_.member() || refused_;
  if (!belongs || !core_was_ready) return;
  {
    const MutexLock lock(meeting_);
    if (!met_ && asked_.empty()) {
      Result<PairBarrier::Others> asked = AskOthers();
      if (asked.ok()) asked_ = *std::move(asked);
    }
  }
  FollowNewerConfig();
}

void PairedLife::FollowNewerConfig() {
  if (const Status taken = TakeNewerConfig(); !taken.ok()) {
    spdlog::warn("following the pair's record: {}", taken.error().message());
  }
}

void PairedLife::Hear(const v1::PairConfig& newer) {
  const MutexLock lock(mutex_);
  heard_ = newer;
}

// The pair has changed behind this site's back: places are elsewhere, or this appliance's place is
// another's.
Status PairedLife::TakeNewerConfig() {
  std::optional<v1::PairConfig> newer;
  {
    const MutexLock lock(mutex_);
    newer.swap(heard_);
  }
  const v1::PairState state = files_.pair->state();
  if (!newer || newer->epoch() <= state.config().epoch()) return Ok();
  const v1::Place* const own = FindPlace(state.config(), state.site());
  const bool fenced = own != nullptr && IsFenced(*newer, *own);
  TWINSEAL_RETURN_IF_ERROR(files_.pair->Change([&](v1::PairState& next) {
    *next.mutable_config() = *newer;
    if (fenced) next.set_phase(v1::PairState::FENCED);
  }));
  if (fenced) {
    AskForRestart();
    return Ok();
  }
  if (met_) return FollowConfig();
  // Where the others are may be new.
  const MutexLock lock(meeting_);
  asked_.clear();
  return Ok();
}

Status PairedLife::MeetOthers() {
  if (met_) return Ok();
  TWINSEAL_RETURN_IF_ERROR(FollowConfig());
  lease_.Start();
  met_ = true;
  return Ok();
}

// Nothing changes in the pair's ledger any more, and no other site has a lease by now: this process
// was started after the last one could be granted.
Status PairedLife::TakeLedgerAlong() {
  std::this_thread::sleep_for(kLease + kLeaseMargin);
  RemoveOwnLedger();
  {
    TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<ledger::Ledger> own,
                              ledger::SqliteLedger::Open(files_.own_ledger()));
    TWINSEAL_RETURN_IF_ERROR(CopyLedger(*files_.ledger, *own));
  }
  const std::string site = foundation_.store.site().text();
  TWINSEAL_RETURN_IF_ERROR(files_.pair->Change([&](v1::PairState& next) {
    next.Clear();
    next.set_site(site);
  }));
  spdlog::info("site {} has taken the ledger along and goes on alone", site);
  AskForRestart();
  return Error(Code::kUnavailable, "the appliance starts again, alone");
}

void PairedLife::RemoveOwnLedger() {
  std::error_code ignored;
  for (const char* const part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(files_.own_ledger().string() + part, ignored);
  }
}

Status PairedLife::MoveLedger() {
  const v1::PairState state = files_.pair->state();
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> moved,
                            files_.ledger->Get(kConfigPath));
  if (!moved) {
    spdlog::info("moving the ledger into the pair's");
    TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<ledger::Ledger> own,
                              ledger::SqliteLedger::Open(files_.own_ledger()));
    TWINSEAL_RETURN_IF_ERROR(CopyLedger(*own, *files_.ledger));
    // With this, the pair's ledger is the one that counts.
    ledger::Transaction transaction;
    transaction.guards.push_back(ledger::Absent{std::string(kConfigPath)});
    transaction.writes.push_back(
        ledger::Put{std::string(kConfigPath), ToBytes(state.config().SerializeAsString())});
    TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const ledger::Outcome outcome,
                              files_.ledger->Commit(transaction));
  }
  TWINSEAL_RETURN_IF_ERROR(
      files_.pair->Change([](v1::PairState& next) { next.set_phase(v1::PairState::PAIRED); }));
  // What it holds would outlive keys that are destroyed from now on.
  RemoveOwnLedger();
  spdlog::info("the ledger is the pair's now");
  return Ok();
}

Status PairedLife::AwaitMove() {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> config,
                            files_.ledger->Get(kConfigPath));
  v1::PairConfig now;
  if (config && now.ParseFromArray(config->value.data(), static_cast<int>(config->value.size())) &&
      now.epoch() >= files_.pair->state().config().epoch()) {
    return Ok();
  }
  return Error(Code::kUnavailable, "the other site has not let this one into the pair yet");
}

Status PairedLife::MakeAuditKey() {
  const std::string text = AuditKeyName(foundation_.store.site());
  if (foundation_.directory.Find(text) != nullptr) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const KeyName name, KeyName::Parse(text));
  v1::CreateKeyRequest request;
  request.set_name(text);
  request.set_algorithm(v1::EC_P256);
  const std::string operation = "pair/MakeAuditKey";
  TWINSEAL_ASSIGN_OR_RETURN(RequestId id,
                            RequestId::Parse("pairing-audit-" + foundation_.store.site().text()));
  const Mutation mutation = {operation, std::move(id), HashRequest(operation, request), "appliance",
                             steady_clock::now() + kOwnKeyTime};
  const Result<v1::Key> made = foundation_.store.CreateOwn(mutation, name, v1::EC_P256);
  return made.ok() ? Ok() : Status(made.error());
}

Status PairedLife::RecordJoining() {
  v1::AuditRecord record = OwnRecord("pair/Join", foundation_.store.site());
  record.set_detail(DescribePairing(files_.pair->state()));
  return audit_.AppendAndWait(std::move(record));
}

}  // namespace twinseal::service
