// The attributes of the appliance's secret keys, the same whether they are made here or arrive from
// another appliance.
#pragma once

#include "firmware/core/keys/token_objects.h"
#include "hsm/pkcs11/key_kinds.h"

namespace twinseal::core {

// Extractable, so that pairing can wrap them for the other site's HSM.
inline constexpr hsm::SecretKeyOptions kDomainKekOptions = {
    .token = true, .extractable = true, .label = kDomainKekLabel, .id = {}};
inline constexpr hsm::SecretKeyOptions kBindingKeyOptions = {
    .token = true, .extractable = true, .label = kBindingKeyLabel, .id = {}};
inline constexpr hsm::SecretKeyOptions kSiteKekOptions = {
    .token = true, .extractable = false, .label = kSiteKekLabel, .id = {}};

}  // namespace twinseal::core
