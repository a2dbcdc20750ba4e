#include "common/crypto/provisional_tls.h"

#include <utility>

#include "common/crypto/issue.h"
#include "common/crypto/software_key.h"

namespace twinseal::crypto {
namespace {

// For clocks that are behind.
constexpr std::chrono::minutes kBackdating{5};
constexpr std::chrono::days kLife{7};

}  // namespace

Result<std::shared_ptr<const ServerTls>> MakeProvisionalTls(
    const std::string& common_name, const std::optional<Certificate>& client_ca, UnixTime now) {
  TWINSEAL_ASSIGN_OR_RETURN(const SoftwareKey key, SoftwareKey::Generate());
  const CertificateBlueprint wanted = {.subject = {{"CN", common_name}},
                                       .subject_key = key.public_key(),
                                       .issuer = std::nullopt,
                                       .scheme = v1::ECDSA_SHA256,
                                       .not_before = now - kBackdating,
                                       .not_after = now + kLife,
                                       .serial = {},
                                       .path_length = std::nullopt,
                                       .usage = {.digital_signature = true},
                                       .tls_server = true,
                                       .uris = {},
                                       .dns_names = {},
                                       .ip_addresses = {}};
  TWINSEAL_ASSIGN_OR_RETURN(const Certificate certificate,
                            IssueCertificate(wanted, [&key](v1::Scheme scheme, BytesView digest) {
                              return key.Sign(scheme, digest);
                            }));
  return ServerTls::Make({certificate}, key, client_ca.value_or(certificate));
}

}  // namespace twinseal::crypto
