#include "firmware/core/keys/public_key_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace twinseal::core {
namespace {

// How a DER RSAPublicKey with the exponent 65537 ends, behind the modulus (RFC 8017 §A.1.1).
constexpr std::array<std::uint8_t, 5> kExponent = {0x02, 0x03, 0x01, 0x00, 0x01};

// The point or the modulus stands last in the DER form, with nothing but the exponent behind it.
Result<Bytes> PublicValue(const crypto::AlgorithmInfo& algorithm, BytesView der) {
  const std::size_t bytes = (static_cast<std::size_t>(algorithm.bits) + 7) / 8;
  std::size_t size = 0;
  std::size_t behind = 0;
  switch (algorithm.family) {
    case crypto::Family::kEcdsa:
      size = 1 + 2 * bytes;  // 04, x, y (SEC 1 §2.3.3).
      break;
    case crypto::Family::kRsa:
      size = bytes;
      behind = kExponent.size();
      break;
    case crypto::Family::kEd25519:
      size = 32;
      break;
  }
  if (der.size() < size + behind ||
      (behind != 0 && !std::ranges::equal(der.last(behind), kExponent))) {
    return Error(Code::kDataLoss, "the recorded public key has a form that this HSM never makes");
  }
  const BytesView value = der.subspan(der.size() - behind - size, size);
  return Bytes(value.begin(), value.end());
}

}  // namespace

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
  auto parsed = crypto::PublicKey::FromDer(der);
  if (!parsed.ok()) {
    return Error(Code::kDataLoss, fmt::format("the recorded public key of {} cannot be read: {}",
                                              id.Hex(), parsed.error().message()));
  }
  const crypto::AlgorithmInfo* const info = crypto::Find(algorithm);
  if (info == nullptr || parsed->algorithm() != algorithm) {
    return Error(Code::kDataLoss,
                 fmt::format("the recorded public key of {} is not of the algorithm {}", id.Hex(),
                             crypto::Name(algorithm)));
  }
  TWINSEAL_ASSIGN_OR_RETURN(Bytes value, PublicValue(*info, der));
  if (entries_.size() >= capacity_ && !entries_.empty()) {
    by_id_.erase(entries_.back().id);
    entries_.pop_back();
  }
  entries_.push_front({id, version, std::move(parsed).value(), std::move(value)});
  by_id_[id] = entries_.begin();
  return &entries_.front();
}

}  // namespace twinseal::core
