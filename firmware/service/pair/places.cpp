#include "firmware/service/pair/places.h"

#include <algorithm>

#include "firmware/service/pair/transcript.h"

namespace twinseal::service {
namespace {

// "192.0.2.1:2380", "[2001:db8::1]:2380", "https://a.example:8443"
std::string HostOf(std::string_view address) {
  constexpr std::string_view kScheme = "https://";
  if (address.starts_with(kScheme)) address.remove_prefix(kScheme.size());
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

const v1::Place* FindPlace(const v1::PairConfig& config, std::string_view name) {
  for (const v1::Place& place : config.places()) {
    if (place.name() == name) return &place;
  }
  return nullptr;
}

std::vector<std::string> SitesOf(const v1::PairConfig& config) {
  std::vector<std::string> sites;
  for (const v1::Place& place : config.places()) {
    if (!place.witness()) sites.push_back(place.name());
  }
  return sites;
}

bool IsFenced(const v1::PairConfig& config, const v1::Place& place) {
  const std::string fingerprint = FingerprintOf(place.identity_public_key_der());
  return std::ranges::find(config.fenced(), fingerprint) != config.fenced().end();
}

v1::Place PlaceOf(const Options& options) {
  v1::Place place;
  place.set_name(options.site);
  place.set_api(options.api_address);
  place.set_peer(options.peer_address);
  return place;
}

std::vector<std::string> AddressesOf(const v1::Place& place) {
  std::vector<std::string> addresses = {"127.0.0.1", "localhost"};
  for (const std::string& address : {place.peer(), place.api()}) {
    if (address.empty()) continue;
    std::string host = HostOf(address);
    if (std::ranges::find(addresses, host) == addresses.end()) addresses.push_back(std::move(host));
  }
  return addresses;
}

}  // namespace twinseal::service
