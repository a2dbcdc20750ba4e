#include "firmware/service/pair/membership.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/crypto/aead.h"
#include "common/crypto/software_key.h"
#include "common/etcd/room.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRetry{500};
// A leader that is lost takes what it was asked with it: what waits for so long is asked again.
constexpr milliseconds kCallTime{1'500};
constexpr milliseconds kTendEvery{2'000};
// Looking for room in a ledger that is full is work; when it does not help, an operator has to.
constexpr std::chrono::minutes kRoomAgain{1};
// For one request to the core, which may be behind others.
constexpr std::chrono::seconds kCoreTime{20};
constexpr std::string_view kSealPurpose = "ledger-seal";

}  // namespace

Membership::Membership(MembershipOptions options, PairFile& file, CoreSupervisor& core,
                       LedgerCa& ledger_ca, LateLedger& ledger, std::function<Status()> may_start,
                       std::function<Status()> opened,
                       std::function<void(const std::string& why)> waits,
                       std::function<void()> tend)
    : options_(std::move(options)),
      file_(file),
      core_(core),
      ledger_ca_(ledger_ca),
      ledger_(ledger),
      may_start_(std::move(may_start)),
      opened_(std::move(opened)),
      waits_(std::move(waits)),
      tend_(std::move(tend)) {}

Membership::~Membership() { Stop(); }

void Membership::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Membership::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    stops_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  KeepSighting();
  StopMember();
}

void Membership::StopMember() {
  std::shared_ptr<etcd::Member> member;
  {
    const MutexLock lock(mutex_);
    member = member_;
  }
  if (member != nullptr) member->Stop();
}

bool Membership::Pause(milliseconds time) {
  const auto until = steady_clock::now() + time;
  const MutexLock lock(mutex_);
  while (!stopping_ && stops_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

void Membership::Run() {
  while (true) {
    const Status up = BringUp();
    if (up.ok()) break;
    ledger_.Waits(up.error().message());
    waits_(up.error().message());
    KeepRoom();  // What is waited for may be a change, which a full ledger does not take.
    if (!Pause(kRetry)) return;
  }
  while (Pause(kTendEvery)) Tend();
}

Status Membership::BringUp() {
  const Deadline deadline = steady_clock::now() + kCoreTime;
  if (!core_.WaitUntilReady(steady_clock::now() + kRetry)) {
    return Error(Code::kUnavailable, "the signing core is not ready: " + core_.State().reason);
  }
  if (!member()) {
    TWINSEAL_RETURN_IF_ERROR(may_start_());
    TWINSEAL_RETURN_IF_ERROR(StartMember(deadline));
  }
  if (!ledger_.open()) TWINSEAL_RETURN_IF_ERROR(OpenLedger(deadline));
  return opened_();
}

std::vector<std::string> Membership::Addresses() const {
  const v1::PairState state = file_.state();
  std::vector<std::string> addresses;
  if (const v1::Place* place = FindPlace(state.config(), options_.site)) {
    addresses = AddressesOf(*place);
  }
  addresses.insert(addresses.end(), options_.names.begin(), options_.names.end());
  return addresses;
}

Result<etcd::MemberTls> Membership::MakeTls(Deadline deadline) {
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::Certificate certificate,
      ledger_ca_.IssueMember(Addresses(), key.public_key(), kMemberLife, deadline));
  TWINSEAL_ASSIGN_OR_RETURN(Secret pem, key.Pem());
  renew_at_ = steady_clock::now() + kMemberLife / 2;
  return etcd::MemberTls{certificate.Pem(), std::move(pem), ledger_ca_.certificate().Pem()};
}

Status Membership::StartMember(Deadline deadline) {
  const v1::PairConfig config = file_.state().config();
  const v1::Place* const own = FindPlace(config, options_.site);
  if (own == nullptr) {
    return Error(Code::kDataLoss,
                 "the pair's record does not name this site; see "
                 "`twinseal pair status`");
  }
  etcd::MemberOptions member;
  member.program = options_.etcd_program;
  member.name = options_.site;
  member.data_dir = options_.folder;
  member.peer_listen = options_.peer_listen;
  member.peer_address = own->peer();
  for (const v1::Place& place : config.places()) {
    member.cluster.emplace_back(place.name(), place.peer());
  }
  member.cluster_token = config.cluster_token();
  member.proxy = options_.proxy;
  member.heartbeat = options_.heartbeat;
  member.election = options_.election;
  member.quota_bytes = options_.quota_bytes;
  // One that takes a lost one's place joins a ledger that runs.
  member.existing = config.epoch() > 1;
  member.force_new_cluster = file_.state().recovering();
  member.further = {ledger::EtcdLedger::kMemberOption};
  TWINSEAL_ASSIGN_OR_RETURN(const etcd::MemberTls tls, MakeTls(deadline));
  TWINSEAL_ASSIGN_OR_RETURN(
      std::shared_ptr<etcd::Member> started,
      etcd::Member::Start(std::move(member), tls,
                          [](const std::string& line) { spdlog::info("etcd: {}", line); }));
  const MutexLock lock(mutex_);
  member_ = std::move(started);
  return Ok();
}

Status Membership::OpenLedger(Deadline deadline) {
  std::shared_ptr<etcd::Member> member;
  {
    const MutexLock lock(mutex_);
    member = member_;
  }
  if (!member->WaitUntilServing(steady_clock::now() + kRetry)) {
    const std::string reason = member->State().reason;
    return Error(Code::kUnavailable,
                 reason.empty() ? "no majority of its members can be reached" : reason);
  }
  v1::CoreRequest derive;
  derive.mutable_derive_secret()->set_purpose(std::string(kSealPurpose));
  TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse derived,
                            CallAndWait(core_, std::move(derive), deadline));
  Secret secret(AsBytes(derived.derive_secret().secret()));
  derived.mutable_derive_secret()->mutable_secret()->assign(secret.size(), '\0');
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Aead aead, crypto::Aead::Create(std::move(secret)));
  // In this process's memory alone, and as old as the process at most.
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::Certificate certificate,
      ledger_ca_.IssueMember({"127.0.0.1"}, key.public_key(), kCaLife, deadline));
  const auto gateway = [&]() -> Result<etcd::GatewayOptions> {
    TWINSEAL_ASSIGN_OR_RETURN(Secret pem, key.Pem());
    return etcd::GatewayOptions{{member->endpoint()},
                                {ledger_ca_.certificate().Pem(), certificate.Pem(), std::move(pem)},
                                kCallTime};
  };
  TWINSEAL_ASSIGN_OR_RETURN(etcd::GatewayOptions for_status, gateway());
  TWINSEAL_ASSIGN_OR_RETURN(etcd::GatewayOptions for_ledger, gateway());
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<etcd::Gateway> asks,
                            etcd::Gateway::Create(std::move(for_status)));
  const v1::PairState state = file_.state();
  TWINSEAL_ASSIGN_OR_RETURN(
      std::unique_ptr<ledger::EtcdLedger> engine,
      ledger::EtcdLedger::Open(std::move(for_ledger), ledger::ValueSeal(std::move(aead)),
                               {state.cluster_id(), ledger::Revision{state.highest_revision()}}));
  {
    const MutexLock lock(mutex_);
    gateway_ = std::move(asks);
  }
  spdlog::info("the pair's ledger is reached: {}", engine->EngineName());
  ledger_.Open(std::move(engine));
  KeepSighting();
  return Ok();
}

void Membership::KeepSighting() {
  const ledger::Sighting seen = ledger_.seen();
  const v1::PairState state = file_.state();
  if (seen.cluster_id == 0 || (seen.cluster_id == state.cluster_id() &&
                               ledger::Number(seen.highest) == state.highest_revision())) {
    return;
  }
  const Status kept = file_.Change([&](v1::PairState& next) {
    next.set_cluster_id(seen.cluster_id);
    next.set_highest_revision(ledger::Number(seen.highest));
  });
  if (!kept.ok()) spdlog::warn("keeping how far the ledger was seen: {}", kept.error().message());
}

void Membership::KeepRoom() {
  const Result<etcd::MemberStatus> own = AskMember();
  if (!own.ok() || !etcd::IsFull(*own) || steady_clock::now() < room_at_) return;
  const Result<std::shared_ptr<etcd::Gateway>> open = Gateway();
  if (!open.ok()) return;
  spdlog::warn("the ledger is full here; looking for room");
  const Status made = etcd::MakeRoom(**open, *own, options_.quota_bytes);
  room_at_ = steady_clock::now() + kRoomAgain;
  if (made.ok()) {
    spdlog::info("the ledger has room again, and takes changes as soon as it has at each place");
  } else {
    spdlog::error("{}", made.error().message());
  }
}

// A new member gets its vote once it is level with the others; whoever sees it first gives it.
void Membership::PromoteLearners() {
  const Result<std::shared_ptr<etcd::Gateway>> open = Gateway();
  if (!open.ok()) return;
  etcd::Gateway& gateway = **open;
  const Result<std::vector<etcd::ClusterMember>> members = etcd::Members(gateway);
  if (!members.ok()) return;
  for (const etcd::ClusterMember& member : *members) {
    if (!member.learner) continue;
    if (etcd::Promote(gateway, member.id).ok()) {
      spdlog::info("the ledger's member at {} has caught up and votes now", member.name);
    }
  }
}

Result<std::vector<std::uint64_t>> Membership::FindLost(const v1::Place& place, Attempt attempt) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<etcd::ClusterMember> members, Members());
  return LostMembers(members, place, file_.state().config(), attempt);
}

Status Membership::ReplaceMembers(const std::vector<std::uint64_t>& lost,
                                  const std::string& peer_address, Deadline deadline) {
  while (true) {
    Status replaced = TryToReplaceMembers(lost, peer_address);
    const bool may_pass = !replaced.ok() && replaced.error().code() == Code::kUnavailable;
    if (!may_pass || steady_clock::now() + kRetry >= deadline || !Pause(kRetry)) return replaced;
  }
}

Status Membership::TryToReplaceMembers(const std::vector<std::uint64_t>& lost,
                                       const std::string& peer_address) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<etcd::Gateway> gateway, Gateway());
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<etcd::ClusterMember> members,
                            etcd::Members(*gateway));
  for (const etcd::ClusterMember& member : members) {
    if (std::ranges::count(lost, member.id) == 0) {
      if (IsAt(member, peer_address)) return Ok();
      continue;
    }
    const Status removed = etcd::RemoveMember(*gateway, member.id);
    if (!removed.ok() && removed.error().code() != Code::kNotFound) return removed;
  }
  const Result<etcd::ClusterMember> added = etcd::AddLearner(*gateway, peer_address);
  return added.ok() ? Ok() : Status(added.error());
}

void Membership::Tend() {
  KeepSighting();
  PromoteLearners();
  tend_();
  KeepRoom();
  if (steady_clock::now() < renew_at_) return;
  const Result<etcd::MemberTls> tls = MakeTls(steady_clock::now() + kCoreTime);
  std::shared_ptr<etcd::Member> member;
  {
    const MutexLock lock(mutex_);
    member = member_;
  }
  const Status renewed = tls.ok() ? member->Renew(*tls) : Status(tls.error());
  if (!renewed.ok()) {
    spdlog::warn("renewing the ledger member's certificate: {}", renewed.error().message());
  }
}

std::optional<etcd::MemberState> Membership::member() const {
  const MutexLock lock(mutex_);
  if (member_ == nullptr) return std::nullopt;
  return member_->State();
}

Result<std::shared_ptr<etcd::Gateway>> Membership::Gateway() const {
  const MutexLock lock(mutex_);
  if (gateway_ == nullptr) return Error(Code::kUnavailable, "the ledger is not open yet");
  return gateway_;
}

Result<etcd::MemberStatus> Membership::AskMember() {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<etcd::Gateway> gateway, Gateway());
  return etcd::StatusOf(*gateway);
}

Result<std::vector<etcd::ClusterMember>> Membership::Members() {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<etcd::Gateway> gateway, Gateway());
  return etcd::Members(*gateway);
}

Status Membership::HandOn(const std::function<bool(const std::string& place)>& wanted) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<etcd::Gateway> gateway, Gateway());
  TWINSEAL_ASSIGN_OR_RETURN(const etcd::MemberStatus own, AskMember());
  if (own.leader_id != own.member_id) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<etcd::ClusterMember> members, Members());
  for (const etcd::ClusterMember& member : members) {
    if (member.id == own.member_id || member.learner || !wanted(member.name)) continue;
    return etcd::MoveLeader(*gateway, member.id);
  }
  return Error(Code::kFailedPrecondition, "no other place can lead the ledger");
}

}  // namespace twinseal::service
