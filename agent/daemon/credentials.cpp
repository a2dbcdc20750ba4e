#include "agent/daemon/credentials.h"

#include "agent/daemon/files.h"
#include "common/base/bytes.h"

namespace twinseal::agent {

Result<https::Identity> SiteIdentity(const std::filesystem::path& data_dir,
                                     const std::string& operator_ca_pem, const std::string& proxy) {
  TWINSEAL_ASSIGN_OR_RETURN(const Secret certificate, ReadOwnFile(data_dir / "agent.pem"));
  TWINSEAL_ASSIGN_OR_RETURN(Secret key, ReadOwnFile(data_dir / "agent.key"));
  https::Identity identity;
  identity.ca_pem = operator_ca_pem;
  identity.certificate_pem = AsText(certificate.Reveal(SecretAccess()));
  identity.key_pem = std::move(key);
  identity.proxy = proxy;
  return identity;
}

Result<crypto::UnixTime> CertificateEnd(const std::filesystem::path& data_dir) {
  const std::filesystem::path path = data_dir / "agent.pem";
  TWINSEAL_ASSIGN_OR_RETURN(const Secret pem, ReadOwnFile(path));
  const Result<crypto::Certificate> certificate =
      crypto::Certificate::FromPem(AsText(pem.Reveal(SecretAccess())));
  if (!certificate.ok()) return certificate.error().Within(path.string());
  return certificate->not_after();
}

}  // namespace twinseal::agent
