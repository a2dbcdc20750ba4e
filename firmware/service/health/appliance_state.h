// How the appliance is: gathered from its parts for status, readiness and metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/audit/audit_log.h"
#include "firmware/journal/archive.h"
#include "firmware/journal/backlog.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/keys/key_directory.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::service {

// How long a status waits for the core before it says that the core does not answer.
inline constexpr std::chrono::milliseconds kStatusWait{2'000};

// Thread-safe. Every call asks core and ledger and blocks: not for a reactor's thread.
class ApplianceState {
 public:
  // `not_ready` knows further reasons; quick.
  ApplianceState(std::string site, CoreSupervisor& core, ledger::Ledger& ledger,
                 audit::AuditLog& audit, const journal::Backlog& backlog,
                 const journal::Archive& archive, KeyDirectory& directory, RequestMetrics& requests,
                 std::int64_t started_unix_ms, std::function<std::string()> not_ready);

  // Nothing is wrong, or what is: "the signing core is not running: ...".
  Status Ready();
  Result<v1::GetStatusResponse> Describe();
  std::string Metrics();

 private:
  ApplianceFigures Gather();
  // Nothing when ready.
  std::string NotReadyBecause(const ApplianceFigures& figures) const;

  const std::string site_;
  CoreSupervisor& core_;
  ledger::Ledger& ledger_;
  audit::AuditLog& audit_;
  const journal::Backlog& backlog_;
  const journal::Archive& archive_;
  KeyDirectory& directory_;
  RequestMetrics& requests_;
  const std::int64_t started_unix_ms_;
  const std::function<std::string()> not_ready_;
};

}  // namespace twinseal::service
