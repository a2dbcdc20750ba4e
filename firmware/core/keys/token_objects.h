// The token objects that a domain's sites work with. Appliance set-up makes them; the key engine
// finds them by label.
#pragma once

#include <string_view>

namespace twinseal::core {

// AES-256: replica blobs are wrapped under it. The same at every site of a domain.
inline constexpr std::string_view kDomainKekLabel = "twinseal-domain-kek";
// Generic secret of 32 bytes: the key of every binding. The same at every site of a domain.
inline constexpr std::string_view kBindingKeyLabel = "twinseal-binding";
// AES-256: wraps the KEKs of one site's vault blobs. Never leaves its token.
inline constexpr std::string_view kSiteKekLabel = "twinseal-site-kek";
// EC P-256 pair: the appliance's identity.
inline constexpr std::string_view kIdentityLabel = "twinseal-identity";
// RSA pair: under it the domain's two keys arrive, when an appliance joins. Only while it joins.
inline constexpr std::string_view kTransportLabel = "twinseal-transport";
// CKO_DATA: the vault's generation sum, so that an older vault file put back is noticed.
inline constexpr std::string_view kVaultAnchorLabel = "twinseal-vault-anchor";

}  // namespace twinseal::core
