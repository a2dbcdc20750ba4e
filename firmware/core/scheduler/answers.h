// Answers that the core gives without asking the HSM.
#pragma once

#include <cstdint>

#include "common/base/error.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

void SetFailure(const Error& error, v1::CoreResponse& response);
v1::CoreResponse FailureAnswer(std::uint64_t number, const Error& error);

Error DeadlineExceeded();

}  // namespace twinseal::core
