// The file by which whoever started twinseald learns that it answers, and where.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

// {"port": N, "pid": N}; nothing without options.ready_file.
Status WriteReadyFile(const Options& options, std::uint16_t port);
void RemoveReadyFile(const Options& options);

}  // namespace twinseal::service
