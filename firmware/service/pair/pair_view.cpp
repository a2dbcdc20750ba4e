#include "firmware/service/pair/pair_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/service/pair/transcript.h"

namespace twinseal::service {

std::string PhaseName(v1::PairState::Phase phase) {
  std::string name = v1::PairState::Phase_Name(phase);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

v1::GetPairResponse PairView::Describe() {
  const v1::PairState state = file_.state();
  v1::GetPairResponse response;
  response.set_site(site_);
  response.set_phase(PhaseName(state.phase()));
  response.set_detail(detail_());
  if (!state.answer().body().empty()) response.set_code(PairingCode(state.answer().body()));
  if (!state.offer().body().empty()) {
    if (const auto offer = ReadTranscript(state.offer().body()); offer.ok()) {
      response.set_pairing_id(offer->pairing_id());
    }
  }
  if (!file_.paired()) return response;
  *response.mutable_config() = state.config();
  DescribeLedger(response);
  return response;
}

void PairView::DescribeLedger(v1::GetPairResponse& response) {
  response.set_ledger_revision(ledger::Number(ledger_.SeenRevision()));
  if (membership_ == nullptr) return;
  const Result<etcd::MemberStatus> own = membership_->AskMember();
  const Result<std::vector<etcd::ClusterMember>> members = membership_->Members();
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

}  // namespace twinseal::service
