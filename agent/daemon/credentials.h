// Who the agent is to the sites: data_dir/agent.pem and agent.key, made by `twinseal pair create`.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "common/crypto/x509.h"
#include "common/https/transfer.h"

namespace twinseal::agent {

// Calls to sites: mutual TLS under the operator CA. Errors as of ReadOwnFile.
Result<https::Identity> SiteIdentity(const std::filesystem::path& data_dir,
                                     const std::string& operator_ca_pem, const std::string& proxy);

// Until when the sites accept the agent's certificate.
Result<crypto::UnixTime> CertificateEnd(const std::filesystem::path& data_dir);

}  // namespace twinseal::agent
