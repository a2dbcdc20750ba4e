#include "firmware/core/keys/anchor.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "common/base/big_endian.h"
#include "firmware/core/keys/token_objects.h"

namespace twinseal::core {
namespace {

constexpr std::string_view kApplication = "twinseal";

// CKA_VALUE: "TSVA", the format's number, the sum in 8 bytes, big-endian.
constexpr std::array<std::uint8_t, 5> kPrefix = {'T', 'S', 'V', 'A', 1};
constexpr std::size_t kSize = kPrefix.size() + 8;

Result<std::vector<hsm::Object>> FindAnchors(hsm::Session& session) {
  hsm::Template match;
  match.Ulong(CKA_CLASS, CKO_DATA).Bool(CKA_TOKEN, true).Text(CKA_LABEL, kVaultAnchorLabel);
  return session.Find(match);
}

Status DestroyAll(hsm::Session& session, const std::vector<hsm::Object>& anchors) {
  for (const hsm::Object anchor : anchors) TWINSEAL_RETURN_IF_ERROR(session.Destroy(anchor));
  return Ok();
}

}  // namespace

Result<std::optional<std::uint64_t>> ReadAnchor(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> anchors, FindAnchors(session));
  std::optional<std::uint64_t> highest;
  // There are two when the process ended between making the new one and removing the old.
  for (const hsm::Object anchor : anchors) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes value, session.GetAttribute(anchor, CKA_VALUE));
    if (value.size() != kSize || !std::ranges::equal(kPrefix, BytesView(value).first(5))) {
      return Error(Code::kDataLoss,
                   "the token's object 'twinseal-vault-anchor' is not one that Twinseal made; "
                   "find out who changed it, then delete it");
    }
    const auto sum = ReadBigEndian<std::uint64_t>(BytesView(value).subspan(kPrefix.size()));
    highest = std::max(highest.value_or(0), sum);
  }
  return highest;
}

Status WriteAnchor(hsm::Session& session, std::uint64_t generation_sum) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> old, FindAnchors(session));
  Bytes value(kPrefix.begin(), kPrefix.end());
  AppendBigEndian(value, generation_sum);
  hsm::Template object;
  object.Ulong(CKA_CLASS, CKO_DATA)
      .Bool(CKA_TOKEN, true)
      .Bool(CKA_PRIVATE, true)
      .Text(CKA_LABEL, kVaultAnchorLabel)
      .Text(CKA_APPLICATION, kApplication)
      .Data(CKA_VALUE, value);
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle anchor, session.CreateObject(object));
  anchor.Release();
  return DestroyAll(session, old);
}

Status RemoveAnchor(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> anchors, FindAnchors(session));
  return DestroyAll(session, anchors);
}

}  // namespace twinseal::core
