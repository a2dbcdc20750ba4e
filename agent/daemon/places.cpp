#include "agent/daemon/places.h"

namespace twinseal::agent {

const v1::Place* FindPlace(const v1::PairConfig& config, std::string_view name) {
  for (const v1::Place& place : config.places()) {
    if (place.name() == name) return &place;
  }
  return nullptr;
}

std::vector<v1::Place> SitesOf(const v1::PairConfig& config) {
  std::vector<v1::Place> sites;
  for (const v1::Place& place : config.places()) {
    if (!place.witness()) sites.push_back(place);
  }
  return sites;
}

bool Succeeds(const v1::PairConfig& newer, const v1::PairConfig& older) {
  return newer.domain_id() == older.domain_id() && newer.epoch() > older.epoch();
}

}  // namespace twinseal::agent
