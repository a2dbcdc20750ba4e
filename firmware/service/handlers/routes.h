// Which path leads to which handler.
#pragma once

#include <memory>

#include "common/connect/router.h"
#include "firmware/service/handlers/appliance_handlers.h"
#include "firmware/service/handlers/audit_handlers.h"
#include "firmware/service/handlers/certificate_handlers.h"
#include "firmware/service/handlers/key_handlers.h"
#include "firmware/service/handlers/pairing_handlers.h"
#include "firmware/service/handlers/signing_handlers.h"
#include "firmware/service/handlers/site_handlers.h"

namespace twinseal::service {

struct Handlers {
  KeyHandlers& keys;
  SigningHandlers& signing;
  AuditHandlers& audit;
  ApplianceHandlers& appliance;
  PairingHandlers& pairing;
  SiteHandlers& sites;
  CertificateHandlers& certificates;
};

// A batch of 1,024 Ed25519 messages may be larger than other bodies; the core's frame has 4 MiB.
inline constexpr std::size_t kMaxBatchBody = std::size_t{3} << 20;

// All procedures of the contract, and /healthz, /readyz, /metrics, which anybody may read: they
// tell no names, and run on `watchers`. What the handlers refer to must outlive the server.
connect::Router MakeRouter(const Handlers& handlers, ApplianceState& state, WorkPool& watchers);

}  // namespace twinseal::service
