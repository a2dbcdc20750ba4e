// What the core says of itself, without asking the HSM.
#pragma once

#include <string>

#include "firmware/core/keys/key_engine.h"
#include "firmware/core/scheduler/scheduler.h"
#include "hsm/pkcs11/connection.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

// Any thread; never waits for a worker or the HSM.
v1::CoreStatus DescribeCore(const hsm::Connection& connection, KeyEngine& engine,
                            const SchedulerState& scheduler, const std::string& memory_lock);

}  // namespace twinseal::core
