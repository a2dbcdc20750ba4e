#include "firmware/service/keys/layout.h"

#include <fmt/format.h>

namespace twinseal::service {

std::string KeyPath(const KeyId& key) { return fmt::format("{}{}", kKeyPrefix, key.Hex()); }

std::string BlobPath(const KeyId& key, std::uint32_t version) {
  return fmt::format("/blob/{}/{:010}", key.Hex(), version);
}

std::string NamePath(std::string_view name) { return fmt::format("/name/{}", name); }

std::string RequestPath(const RequestId& request) {
  return fmt::format("{}{}", kRequestPrefix, request.text());
}

std::string PendingPrefix(const SiteName& site) { return fmt::format("/pending/{}/", site.text()); }

std::string PendingPath(const SiteName& site, const KeyId& key) {
  return PendingPrefix(site) + key.Hex();
}

}  // namespace twinseal::service
