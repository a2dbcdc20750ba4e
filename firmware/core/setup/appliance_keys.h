// The appliance's own keys on the token: the ones under which all others are wrapped and bound.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"
#include "hsm/wrapping/capabilities.h"

namespace twinseal::core {

// The origins of the errors below, by which the process finds its exit status.
inline constexpr const char* kNotSetUp = "NOT_SET_UP";
inline constexpr const char* kTokenUnfit = "TOKEN_UNFIT";

// failed_precondition (kNotSetUp), naming what is missing and how it gets there.
Status CheckApplianceKeys(hsm::Session& session);
// The same for site KEK and identity key, which an appliance has before it joins a pair.
Status CheckSiteKeys(hsm::Session& session);

// Whether the token can do what every appliance needs: wrap keys, bind blobs, keep the identity key
// and at least ec-p256 keys in the vault. unimplemented (kTokenUnfit), naming each mechanism that
// is missing.
Status CheckToken(hsm::Session& session, const hsm::Capabilities& capabilities);

enum class KeySet : std::uint8_t {
  kWithDomain,  // All four keys: a domain of its own.
  kToJoin,      // Site KEK and identity key: the domain's two keys come by pairing.
};

// Makes the keys. failed_precondition, with nothing changed, when one of the four is there already;
// kTokenUnfit, with nothing changed, as CheckToken says. When the token fails in the middle, those
// made by then are destroyed again. Answers with the identity key's SubjectPublicKeyInfo.
Result<Bytes> MakeApplianceKeys(hsm::Session& session, KeySet key_set = KeySet::kWithDomain);

}  // namespace twinseal::core
