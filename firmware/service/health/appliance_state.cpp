#include "firmware/service/health/appliance_state.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {

ApplianceState::ApplianceState(std::string site, CoreSupervisor& core, ledger::Ledger& ledger,
                               audit::AuditLog& audit, const journal::Backlog& backlog,
                               const journal::Archive& archive, KeyDirectory& directory,
                               RequestMetrics& requests, std::int64_t started_unix_ms,
                               std::function<std::string()> not_ready)
    : site_(std::move(site)),
      core_(core),
      ledger_(ledger),
      audit_(audit),
      backlog_(backlog),
      archive_(archive),
      directory_(directory),
      requests_(requests),
      started_unix_ms_(started_unix_ms),
      not_ready_(std::move(not_ready)) {}

ApplianceFigures ApplianceState::Gather() {
  ApplianceFigures figures;
  if (Result<v1::CoreStatus> status =
          AskStatus(core_, std::chrono::steady_clock::now() + kStatusWait);
      status.ok()) {
    figures.core_status = *std::move(status);
  }
  figures.core = core_.State();
  figures.core_in_flight = core_.in_flight();
  figures.audit = audit_.Counters();
  figures.archive_entries = archive_.entries();
  figures.backlog = backlog_.Figures();
  figures.ledger_revision = ledger::Number(ledger_.SeenRevision());
  figures.keys_by_state = directory_.CountByState();
  figures.started_unix_ms = started_unix_ms_;
  return figures;
}

std::string ApplianceState::NotReadyBecause(const ApplianceFigures& figures) const {
  if (figures.core.phase != CoreState::Phase::kReady) return figures.core.reason;
  if (!figures.core_status) return "the signing core does not answer";
  if (figures.core_status->hsm_state() != "ready") {
    return fmt::format("the HSM is not ready: {}", figures.core_status->hsm_state());
  }
  // What cannot be recorded is refused.
  if (const Status writable = audit_.Writable(); !writable.ok()) return writable.error().message();
  return not_ready_();
}

Status ApplianceState::Ready() {
  const std::string reason = NotReadyBecause(Gather());
  if (reason.empty()) return Ok();
  return Error(Code::kUnavailable, reason);
}

Result<v1::GetStatusResponse> ApplianceState::Describe() {
  const ApplianceFigures figures = Gather();
  v1::GetStatusResponse status;
  status.set_site(site_);
  status.set_version(TWINSEAL_VERSION);
  status.set_reason(NotReadyBecause(figures));
  status.set_ready(status.reason().empty());
  status.set_started_unix_ms(started_unix_ms_);
  status.set_hsm_state(figures.core.reason);
  if (figures.core_status) {
    const v1::CoreStatus& core = *figures.core_status;
    status.set_hsm_manufacturer(core.hsm_manufacturer());
    status.set_hsm_model(core.hsm_model());
    status.set_hsm_token_label(core.hsm_token_label());
    status.set_hsm_state(core.hsm_state());
    status.set_hsm_sessions(core.hsm_sessions());
    *status.mutable_capabilities() = core.capabilities();
    for (const std::string& damaged : core.damaged()) {
      v1::Capability& finding = *status.add_capabilities();
      finding.set_name("vault record");
      finding.set_reason(damaged);
    }
    status.set_memory_lock(core.memory_lock());
  }
  status.set_ledger_engine(ledger_.EngineName());
  status.set_ledger_revision(figures.ledger_revision);
  status.set_audit_tree_size(figures.audit.tree_size);
  v1::ArchiveStatus& archive = *status.mutable_archive();
  archive.set_entries(figures.archive_entries);
  archive.set_waiting_entries(figures.backlog.entries);
  archive.set_waiting_bytes(figures.backlog.bytes);
  for (const std::string& site : figures.backlog.behind) archive.add_behind(site);
  archive.set_problem(figures.backlog.problem);
  for (const auto& [state, count] : figures.keys_by_state)
    (*status.mutable_keys_by_state())[KeyStateName(state)] = count;
  status.set_core_restarts(figures.core.restarts);
  return status;
}

std::string ApplianceState::Metrics() { return MetricsText(requests_, Gather()); }

}  // namespace twinseal::service
