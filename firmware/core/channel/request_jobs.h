// From a request as it came to a job for the scheduler.
#pragma once

#include <chrono>
#include <cstddef>

#include "common/base/result.h"
#include "firmware/core/channel/request_reader.h"
#include "firmware/core/scheduler/job.h"

namespace twinseal::core {

// Of a request that names no deadline. Longer than a full queue takes at 1,000 activations a
// second.
inline constexpr std::chrono::seconds kDefaultDeadline{30};
// The longest that a request may ask for: a large RSA key in a slow HSM takes minutes.
inline constexpr std::chrono::minutes kMaxDeadline{10};

// After this long an HSM call counts as hung whatever its request's deadline says: a signature
// takes milliseconds in software and under a second in the slowest smart card; making a key takes a
// minute or two there.
inline constexpr std::chrono::seconds kSignPatience{10};
inline constexpr std::chrono::milliseconds kSignPatiencePerDigest{200};
inline constexpr std::chrono::minutes kKeyPatience{5};

inline constexpr int kMaxDigests = 1024;  // In one SignBatch.
inline constexpr std::uint32_t kMaxRandomBytes = 1024;
inline constexpr std::size_t kMaxCallerBytes = 256;  // "application/" and a name of 64.

// Reads what the queue has to know: caller, key, deadline. invalid_argument that names the field;
// failed_precondition for a request that only a core started with --initialize takes. Not for
// status, which never becomes a job.
Result<JobPtr> MakeJob(ReceivedRequest received, Clock::time_point now);

}  // namespace twinseal::core
