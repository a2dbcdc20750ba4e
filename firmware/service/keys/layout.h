// Where things are in the ledger; common/proto/twinseal/v1/store.proto says what they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/types.h"

namespace twinseal::service {

inline constexpr std::string_view kKeyPrefix = "/key/";
inline constexpr std::string_view kRequestPrefix = "/request/";

std::string KeyPath(const KeyId& key);
std::string BlobPath(const KeyId& key, std::uint32_t version);
std::string NamePath(std::string_view name);
std::string RequestPath(const RequestId& request);
// That a change of this key is committed and this site's core may not know it yet.
std::string PendingPrefix(const SiteName& site);
std::string PendingPath(const SiteName& site, const KeyId& key);

}  // namespace twinseal::service
