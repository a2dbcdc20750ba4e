// A TLS certificate that nobody trusts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"

namespace twinseal::service {

// Signed by its own key, which is made here, for until there is a better one: clients are told why
// the appliance does not serve rather than find a closed port. Client certificates are those of
// `client_ca`; without one, none is accepted.
Result<std::shared_ptr<const crypto::ServerTls>> MakeProvisionalTls(
    const std::string& common_name, const std::optional<crypto::Certificate>& client_ca,
    crypto::UnixTime now);

}  // namespace twinseal::service
