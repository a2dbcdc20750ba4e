#include "firmware/service/operator_ca/provisional_tls.h"

#include <utility>

#include "common/crypto/issue.h"
#include "common/crypto/software_key.h"
#include "firmware/service/operator_ca/operator_ca.h"

namespace twinseal::service {

Result<std::shared_ptr<const crypto::ServerTls>> MakeProvisionalTls(
    const std::string& common_name, const std::optional<crypto::Certificate>& client_ca,
    crypto::UnixTime now) {
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  const crypto::CertificateBlueprint wanted = {.subject = {{"CN", common_name}},
                                               .subject_key = key.public_key(),
                                               .issuer = std::nullopt,
                                               .scheme = v1::ECDSA_SHA256,
                                               .not_before = now - kBackdating,
                                               .not_after = now + kServerLife,
                                               .serial = {},
                                               .path_length = std::nullopt,
                                               .usage = {.digital_signature = true},
                                               .tls_server = true,
                                               .uris = {},
                                               .dns_names = {},
                                               .ip_addresses = {}};
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::Certificate certificate,
      crypto::IssueCertificate(wanted, [&key](v1::Scheme scheme, BytesView digest) {
        return key.Sign(scheme, digest);
      }));
  return crypto::ServerTls::Make({certificate}, key, client_ca.value_or(certificate));
}

}  // namespace twinseal::service
