#include "firmware/core/keys/binding.h"

#include <algorithm>

#include <fmt/format.h>

#include "firmware/core/keys/token_objects.h"
#include "firmware/core/vault/marks.h"

namespace twinseal::core {
namespace {

constexpr std::string_view kMarksKeyText = "twinseal vault marks 1";

Result<hsm::Object> FindKey(hsm::Session& session, std::string_view label) {
  auto found = session.SessionCopy(CKO_SECRET_KEY, label);
  if (!found.ok() && found.error().code() == Code::kNotFound) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the token has no key '{}': it was not set up for Twinseal; run "
                             "`twinseal appliance init`, or name the right token",
                             label));
  }
  return found;
}

}  // namespace

Result<Bytes> Hmac(hsm::Session& session, hsm::Object binding_key, BytesView data) {
  TWINSEAL_ASSIGN_OR_RETURN(Bytes mac,
                            session.Sign(hsm::Mechanism(CKM_SHA256_HMAC), binding_key, data));
  if (mac.size() != kBindingSize) {
    return Error(Code::kInternal, fmt::format("the HSM's HMAC-SHA-256 has {} bytes, not {}",
                                              mac.size(), kBindingSize));
  }
  return mac;
}

Result<DomainKeys> FindDomainKeys(hsm::Session& session) {
  DomainKeys keys{};
  TWINSEAL_ASSIGN_OR_RETURN(keys.domain_kek, FindKey(session, kDomainKekLabel));
  TWINSEAL_ASSIGN_OR_RETURN(keys.binding_key, FindKey(session, kBindingKeyLabel));
  TWINSEAL_ASSIGN_OR_RETURN(keys.site_kek, FindKey(session, kSiteKekLabel));
  return keys;
}

Result<Bytes> Bind(hsm::Session& session, const DomainKeys& keys, Blob& blob) {
  Bytes bytes = EncodeBound(blob);
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes mac, Hmac(session, keys.binding_key, bytes));
  std::ranges::copy(mac, blob.binding.begin());
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  return bytes;
}

Result<Secret> MarksKey(hsm::Session& session, const DomainKeys& keys) {
  static_assert(kBindingSize == MarksSeal::kKeySize);
  TWINSEAL_ASSIGN_OR_RETURN(Bytes mac, Hmac(session, keys.binding_key, AsBytes(kMarksKeyText)));
  Secret key(mac);
  Scrub(mac);
  return key;
}

Status VerifyBinding(hsm::Session& session, const DomainKeys& keys, BytesView blob) {
  Status verified = session.VerifyMac(hsm::Mechanism(CKM_SHA256_HMAC), keys.binding_key,
                                      BoundPart(blob), BindingPart(blob));
  if (verified.ok()) return verified;
  // NSS softokn blames the data's length when an HMAC is wrong; HMAC takes data of any length.
  if (verified.error().code() != Code::kDataLoss &&
      verified.error().origin() != "CKR_DATA_LEN_RANGE") {
    return verified;
  }
  return Error(Code::kDataLoss, "its binding does not hold", verified.error().origin());
}

}  // namespace twinseal::core
