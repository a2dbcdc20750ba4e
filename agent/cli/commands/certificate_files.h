// Certificates in the files that users have.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/x509.h"
#include "twinseal/v1/certificates.pb.h"

namespace twinseal::cli {

// All certificates of the files, in PEM, one or several, or in DER. The errors of ReadFile(), and
// invalid_argument that names a file with none.
Result<std::vector<crypto::Certificate>> ReadCertificateFiles(
    const std::vector<std::string>& paths);

// In PEM: the certificate, and its issuers behind it, as TLS servers want them.
Result<std::string> PemOf(const v1::Certificate& certificate, bool with_issuers);

}  // namespace twinseal::cli
