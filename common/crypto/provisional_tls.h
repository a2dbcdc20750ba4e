// A TLS certificate that nobody trusts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"

namespace twinseal::crypto {

// Signed by its own key, which is made here, for until there is a better one: clients are told why
// a place does not serve rather than find a closed port. Client certificates are those of
// `client_ca`; without one, none is accepted.
Result<std::shared_ptr<const ServerTls>> MakeProvisionalTls(
    const std::string& common_name, const std::optional<Certificate>& client_ca, UnixTime now);

}  // namespace twinseal::crypto
