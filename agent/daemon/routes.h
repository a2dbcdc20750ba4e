// What the agent serves, and to whom.
#pragma once

#include "agent/daemon/health.h"
#include "common/base/result.h"
#include "common/connect/router.h"

namespace twinseal::agent {

// `health` outlives the server.
connect::Router MakeRouter(const Health& health);

// Whether the certificate, which TLS has verified, is an operator's or an auditor's.
// unauthenticated when it names nobody, permission_denied for other roles.
Status MayReadHealth(const crypto::Certificate& peer);

}  // namespace twinseal::agent
