#include "firmware/core/keys/public_key_cache.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/spki.h"

namespace twinseal::core {

Result<const PublicKeyCache::Entry*> PublicKeyCache::Get(const KeyId& id, KeyVersion version,
                                                         v1::Algorithm algorithm, BytesView der) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    const auto entry = found->second;
    if (entry->version == version && std::ranges::equal(entry->key.der(), der)) {
      entries_.splice(entries_.begin(), entries_, entry);
      return &*entry;
    }
    entries_.erase(entry);
    by_id_.erase(found);
  }
  const auto unreadable = [&](std::string_view why) {
    return Error(Code::kDataLoss,
                 fmt::format("the recorded public key of {} cannot be read: {}", id.Hex(), why));
  };
  const auto raw = crypto::ReadSpki(der);
  if (!raw) return unreadable("this HSM never makes one of its form");
  if (raw->algorithm != algorithm) {
    return Error(Code::kDataLoss,
                 fmt::format("the recorded public key of {} is not of the algorithm {}", id.Hex(),
                             crypto::Name(algorithm)));
  }
  auto key = crypto::PublicKey::FromRaw(*raw);
  if (!key.ok()) return unreadable(key.error().message());
  if (entries_.size() >= capacity_ && !entries_.empty()) {
    by_id_.erase(entries_.back().id);
    entries_.pop_back();
  }
  entries_.push_front(
      {id, version, std::move(key).value(), Bytes(raw->value.begin(), raw->value.end())});
  by_id_[id] = entries_.begin();
  return &entries_.front();
}

}  // namespace twinseal::core
