#include "firmware/service/core_link/core.h"

#include <future>
#include <memory>
#include <utility>

namespace twinseal::service {
namespace {

Error WrongAnswer(std::string_view asked) {
  return Error(Code::kInternal, "the signing core gave no " + std::string(asked) +
                                    "; are twinseald and twinseal-core of the same version?");
}

}  // namespace

Result<v1::CoreResponse> CallAndWait(Core& core, v1::CoreRequest request, Deadline deadline) {
  auto promise = std::make_shared<std::promise<Result<v1::CoreResponse>>>();
  std::future<Result<v1::CoreResponse>> answer = promise->get_future();
  core.Call(std::move(request), deadline, [promise](Result<v1::CoreResponse> response) {
    promise->set_value(std::move(response));
  });
  return answer.get();
}

Result<v1::ReplicaBlob> Generate(Core& core, const v1::KeyHeader& header, Deadline deadline) {
  v1::CoreRequest request;
  *request.mutable_generate()->mutable_header() = header;
  TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_blob()) return WrongAnswer("new key");
  return std::move(*response.mutable_blob());
}

Result<v1::ReplicaBlob> Revise(Core& core, BytesView replica_blob, v1::KeyState state,
                               const v1::KeyPolicy& policy, KeyRevision revision,
                               Deadline deadline) {
  v1::CoreRequest request;
  v1::ReviseRequest& revise = *request.mutable_revise();
  revise.set_replica_blob(ToString(replica_blob));
  revise.set_state(state);
  *revise.mutable_policy() = policy;
  revise.set_revision(Number(revision));
  TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_blob()) return WrongAnswer("changed key");
  return std::move(*response.mutable_blob());
}

Status Install(Core& core, BytesView replica_blob, Deadline deadline) {
  v1::CoreRequest request;
  request.mutable_install()->set_replica_blob(ToString(replica_blob));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_done()) return WrongAnswer("confirmation");
  return Ok();
}

Result<KeyRevision> SeenRevision(Core& core, const KeyId& key, Deadline deadline) {
  v1::CoreRequest request;
  request.mutable_seen_revision()->set_key_id(ToString(key.bytes()));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_seen_revision()) return WrongAnswer("revision");
  return KeyRevision{response.seen_revision().revision()};
}

Status Erase(Core& core, const KeyId& key, Deadline deadline) {
  v1::CoreRequest request;
  request.mutable_erase()->set_key_id(ToString(key.bytes()));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_done()) return WrongAnswer("confirmation");
  return Ok();
}

Result<Bytes> Random(Core& core, std::uint32_t size, Deadline deadline) {
  v1::CoreRequest request;
  request.mutable_random()->set_size(size);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (response.random().random().size() != size) return WrongAnswer("random bytes");
  return ToBytes(response.random().random());
}

Result<v1::CoreStatus> AskStatus(Core& core, Deadline deadline) {
  v1::CoreRequest request;
  request.mutable_status();
  TWINSEAL_ASSIGN_OR_RETURN(v1::CoreResponse response,
                            CallAndWait(core, std::move(request), deadline));
  if (!response.has_status()) return WrongAnswer("status");
  return std::move(*response.mutable_status());
}

}  // namespace twinseal::service
