#include "firmware/core/process/core_status.h"

#include <fmt/format.h>

namespace twinseal::core {

v1::CoreStatus DescribeCore(const hsm::Connection& connection, KeyEngine& engine,
                            const SchedulerState& scheduler, const std::string& memory_lock) {
  v1::CoreStatus status;
  if (const auto token = connection.token()) {
    status.set_hsm_manufacturer(token->manufacturer);
    status.set_hsm_model(token->model);
    status.set_hsm_token_label(token->label);
  }
  std::string state = connection.Describe();
  if (scheduler.hung > 0)
    state += fmt::format("; {} of its calls do not come back", scheduler.hung);
  status.set_hsm_state(state);
  status.set_hsm_sessions(static_cast<std::uint32_t>(scheduler.ready));
  if (const auto capabilities = engine.capabilities()) {
    for (const hsm::Capability& finding : capabilities->findings()) {
      v1::Capability& capability = *status.add_capabilities();
      capability.set_name(finding.name);
      capability.set_available(finding.available);
      capability.set_reason(finding.reason);
    }
  }
  status.set_memory_lock(memory_lock);
  const KeyEngine::Counters counters = engine.counters();
  status.set_activations(counters.activations);
  status.set_signatures(counters.signatures);
  status.set_queue_depth(scheduler.waiting);
  status.set_vault_keys(engine.vault().size());
  for (const std::string& damaged : engine.vault().Damaged()) status.add_damaged(damaged);
  return status;
}

}  // namespace twinseal::core
