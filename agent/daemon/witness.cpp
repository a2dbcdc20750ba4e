#include "agent/daemon/witness.h"

#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "agent/daemon/credentials.h"
#include "agent/daemon/places.h"
#include "common/ledger/etcd_ledger.h"

namespace twinseal::agent {
namespace {

constexpr std::chrono::milliseconds kMemberCallTime{3'000};

Result<std::shared_ptr<etcd::Gateway>> GatewayTo(const etcd::Member& member,
                                                 https::Identity identity) {
  etcd::GatewayOptions options;
  options.endpoints = {member.endpoint()};
  options.identity = std::move(identity);
  options.call_timeout = kMemberCallTime;
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<etcd::Gateway> gateway,
                            etcd::Gateway::Create(std::move(options)));
  return gateway;
}

LedgerSight SightOf(const v1::WitnessState& state) {
  LedgerSight sight;
  sight.reason = "the ledger's member waits for its certificates";
  sight.last_leader = state.last_leader();
  sight.seen = {state.cluster_id(), ledger::Revision{state.highest_revision()}};
  if (state.last_failover_unix_ms() != 0) {
    v1::Failover& failover = sight.last_failover.emplace();
    failover.set_time_unix_ms(state.last_failover_unix_ms());
    failover.set_from(state.failed_over_from());
    failover.set_to(state.failed_over_to());
  }
  return sight;
}

}  // namespace

// The watch ends before the member that it asks.
struct Witness::Ledger {
  MemberFolder folder;
  std::unique_ptr<etcd::Member> member;
  std::unique_ptr<LedgerWatch> watch;
};

Witness::Witness(const Options& options, const v1::WitnessState& state, AlarmBoard& alarms)
    : options_(options),
      alarms_(alarms),
      quota_bytes_(std::uint64_t{options.ledger_quota_mib} << 20U),
      before_(SightOf(state)),
      sites_(alarms, Availability(state.watched_ms(), state.available_ms()), UnixMilliseconds,
             [this] { return ledger().revision; }) {}

Witness::~Witness() { Stop(); }

Status Witness::WatchSites(const v1::WitnessState& state) {
  watches_.clear();
  std::vector<std::string> names;
  const std::vector<v1::Place> places = SitesOf(state.config());
  names.reserve(places.size());
  for (const v1::Place& place : places) names.push_back(place.name());
  sites_.Expect(names);
  for (const v1::Place& place : places) {
    TWINSEAL_ASSIGN_OR_RETURN(
        https::Identity identity,
        SiteIdentity(options_.data_dir, state.operator_ca_pem(), options_.proxy));
    watches_.push_back(std::make_unique<SiteWatch>(
        place.name(), place.api(), std::move(identity), SiteWatchPace(),
        [this](const SiteSight& sight) { sites_.Note(sight, Availability::Clock::now()); }));
  }
  return Ok();
}

Status Witness::StartMember(const v1::WitnessState& state, PlaceCertificates& certificates) {
  const v1::PairConfig& config = state.config();
  const v1::Place* const own = FindPlace(config, options_.name);
  if (own == nullptr) {
    return Error(Code::kFailedPrecondition,
                 "the pair's record does not name this place; is `name` in agent.conf as it was?");
  }
  auto started = std::make_shared<Ledger>();
  TWINSEAL_ASSIGN_OR_RETURN(started->folder, ChooseMemberFolder(options_.data_dir, state));
  if (started->folder.lost && !certificates.taken_in) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} is gone, and the site that was asked does not take this place's "
                             "member in as a new one; is it of an older release?",
                             started->folder.path.string()));
  }
  etcd::MemberOptions member;
  member.program = options_.etcd_program;
  member.name = options_.name;
  member.data_dir = started->folder.path;
  member.peer_listen = options_.peer_listen;
  member.peer_address = own->peer();
  for (const v1::Place& place : config.places())
    member.cluster.emplace_back(place.name(), place.peer());
  member.cluster_token = config.cluster_token();
  member.existing = started->folder.existing;
  member.proxy = options_.proxy;
  member.heartbeat = std::chrono::milliseconds(options_.heartbeat_ms);
  member.election = std::chrono::milliseconds(options_.election_ms);
  member.quota_bytes = quota_bytes_;
  member.further = {ledger::EtcdLedger::kMemberOption};
  TWINSEAL_ASSIGN_OR_RETURN(
      started->member,
      etcd::Member::Start(std::move(member), certificates.member,
                          [](const std::string& line) { spdlog::warn("etcd: {}", line); }));
  LedgerWatchOptions watch;
  watch.own_name = options_.name;
  watch.quota_bytes = quota_bytes_;
  if (started->folder.seen) watch.seen = before_.seen;
  watch.last_leader = before_.last_leader;
  watch.last_failover = before_.last_failover;
  started->watch =
      std::make_unique<LedgerWatch>(std::move(watch), *started->member, alarms_, UnixMilliseconds,
                                    [this] { return sites_.Best(); });
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<etcd::Gateway> gateway,
                            GatewayTo(*started->member, std::move(certificates.ledger_client)));
  started->watch->Use(std::move(gateway));
  const MutexLock lock(mutex_);
  ledger_ = std::move(started);
  return Ok();
}

Status Witness::Renew(PlaceCertificates& certificates) {
  const std::shared_ptr<Ledger> ledger = started();
  if (ledger == nullptr) return Ok();
  TWINSEAL_RETURN_IF_ERROR(ledger->member->Renew(certificates.member));
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<etcd::Gateway> gateway,
                            GatewayTo(*ledger->member, std::move(certificates.ledger_client)));
  ledger->watch->Use(std::move(gateway));
  return Ok();
}

void Witness::TidyUp() {
  const std::shared_ptr<Ledger> ledger = started();
  if (tidy_ || ledger == nullptr || !ledger->watch->sight().serving) return;
  RemoveOtherFolders(ledger->folder);
  tidy_ = true;
}

void Witness::Stop() {
  watches_.clear();
  const std::shared_ptr<Ledger> ledger = started();
  if (ledger == nullptr) return;
  ledger->watch->Stop();
  ledger->member->Stop();
}

std::shared_ptr<Witness::Ledger> Witness::started() const {
  const MutexLock lock(mutex_);
  return ledger_;
}

bool Witness::member_started() const { return started() != nullptr; }

LedgerSight Witness::ledger() const {
  const std::shared_ptr<Ledger> ledger = started();
  return ledger == nullptr ? before_ : ledger->watch->sight();
}

std::uint64_t Witness::member_restarts() const {
  const std::shared_ptr<Ledger> ledger = started();
  return ledger == nullptr ? 0 : ledger->member->State().restarts;
}

void Witness::Report(v1::WitnessState& state) const {
  const Availability availability = sites_.availability();
  state.set_watched_ms(availability.watched_ms());
  state.set_available_ms(availability.available_ms());
  const LedgerSight sight = ledger();
  state.set_last_leader(sight.last_leader);
  state.set_cluster_id(sight.seen.cluster_id);
  state.set_highest_revision(ledger::Number(sight.seen.highest));
  if (const std::shared_ptr<Ledger> ledger = started(); ledger != nullptr)
    state.set_seen_cluster_token(ledger->folder.path.filename());
  if (!sight.last_failover) return;
  state.set_last_failover_unix_ms(sight.last_failover->time_unix_ms());
  state.set_failed_over_from(sight.last_failover->from());
  state.set_failed_over_to(sight.last_failover->to());
}

}  // namespace twinseal::agent
