#include "firmware/service/pair/pair_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/service/pair/transcript.h"

namespace twinseal::service {
namespace {

std::string LowerCase(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

std::string PhaseName(v1::PairState::Phase phase) {
  return LowerCase(v1::PairState::Phase_Name(phase));
}

std::string StandingName(v1::SiteStanding::Standing standing) {
  return LowerCase(v1::SiteStanding::Standing_Name(standing));
}

v1::GetPairResponse PairView::Describe() {
  const v1::PairState state = file_.state();
  v1::GetPairResponse response;
  response.set_site(site_);
  response.set_phase(PhaseName(state.phase()));
  response.set_detail(detail_());
  const bool replacing =
      state.phase() == v1::PairState::PAIRED && !state.replacement().offer().body().empty();
  const v1::PairState& ceremony = replacing ? state.replacement() : state;
  if (!ceremony.answer().body().empty()) response.set_code(PairingCode(ceremony.answer().body()));
  if (!ceremony.offer().body().empty()) {
    if (const auto offer = ReadTranscript(ceremony.offer().body()); offer.ok()) {
      response.set_pairing_id(offer->pairing_id());
    }
  }
  if (!file_.paired()) return response;
  *response.mutable_config() = state.config();
  if (paired_) {
    DescribeLedger(response);
    DescribeSites(response);
  }
  return response;
}

void PairView::DescribeLedger(v1::GetPairResponse& response) const {
  response.set_ledger_revision(ledger::Number(paired_->ledger.SeenRevision()));
  response.set_applied_revision(ledger::Number(paired_->applied.now()));
  response.set_isolated(!paired_->lease.held());
  response.set_isolated_since_unix_ms(paired_->lease.isolated_since_unix_ms().value_or(0));
  const Result<etcd::MemberStatus> own = paired_->membership.AskMember();
  const Result<std::vector<etcd::ClusterMember>> members = paired_->membership.Members();
  if (!own.ok() || !members.ok()) return;
  for (const etcd::ClusterMember& member : *members) {
    v1::MemberView& view = *response.add_members();
    view.set_name(member.name);
    view.set_leader(member.id == own->leader_id);
    if (member.id != own->member_id) continue;
    view.set_reachable(true);
    view.set_version("etcd " + own->version);
    view.set_database_bytes(own->database_bytes);
    view.set_raft_index(own->raft_applied_index);
  }
}

void PairView::DescribeSites(v1::GetPairResponse& response) const {
  const SeenStandings standings = paired_->lease.standings();
  const std::map<std::string, OtherSite::Contact> contacts = paired_->barrier.contacts();
  for (const v1::Place& place : response.config().places()) {
    if (place.witness()) continue;
    v1::SiteView& view = *response.add_sites();
    view.set_name(place.name());
    v1::SiteStanding standing;
    if (const auto seen = standings.find(place.name()); seen != standings.end()) {
      standing = seen->second.standing;
    }
    view.set_standing(StandingName(standing.standing()));
    view.set_since_unix_ms(standing.since_unix_ms());
    const auto contact = contacts.find(place.name());
    view.set_reachable(place.name() == site_ ||
                       (contact != contacts.end() && contact->second.reachable));
    if (contact != contacts.end()) view.set_reason(contact->second.reason);
  }
}

}  // namespace twinseal::service
