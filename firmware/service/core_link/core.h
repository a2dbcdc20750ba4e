// How the service asks the signing core for something: one asynchronous call, and typed blocking
// ones for the flows that run on threads of their own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::service {

using Deadline = std::chrono::steady_clock::time_point;

// The signing core, wherever it is. Thread-safe.
class Core {
 public:
  // Called exactly once. A failure that the core reports arrives as the error that it names.
  using Callback = std::function<void(Result<v1::CoreResponse>)>;

  virtual ~Core() = default;

  // Never blocks. `done` runs on the link's thread, or inside this call when the request cannot be
  // sent; it must not block. `unavailable`: there is no core just now, or it died before it
  // answered. `deadline_exceeded`: no answer came in time. `resource_exhausted`: too many requests
  // are under way. The request's number and deadline are set here.
  virtual void Call(v1::CoreRequest request, Deadline deadline, Callback done) = 0;
};

// These wait for the answer: never call them from a reactor's or the link's thread.
Result<v1::CoreResponse> CallAndWait(Core& core, v1::CoreRequest request, Deadline deadline);
Result<v1::ReplicaBlob> Generate(Core& core, const v1::KeyHeader& header, Deadline deadline);
Result<v1::ReplicaBlob> Revise(Core& core, BytesView replica_blob, v1::KeyState state,
                               const v1::KeyPolicy& policy, KeyRevision revision,
                               Deadline deadline);
Status Install(Core& core, BytesView replica_blob, Deadline deadline);
// The newest revision that the core's vault had of the key; 0 when it never had the key.
Result<KeyRevision> SeenRevision(Core& core, const KeyId& key, Deadline deadline);
Status Erase(Core& core, const KeyId& key, Deadline deadline);
// 1 to 1,024 bytes from the HSM.
Result<Bytes> Random(Core& core, std::uint32_t size, Deadline deadline);
Result<v1::CoreStatus> AskStatus(Core& core, Deadline deadline);

}  // namespace twinseal::service
