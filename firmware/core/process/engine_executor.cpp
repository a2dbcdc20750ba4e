#include "firmware/core/process/engine_executor.h"

#include <utility>

#include "firmware/core/process/pairing_requests.h"
#include "firmware/core/scheduler/answers.h"

namespace twinseal::core {
namespace {

SignOrder OrderOf(const v1::CoreSignRequest& request) {
  SignOrder order;
  order.items.reserve(static_cast<std::size_t>(request.digests_size()));
  for (const std::string& digest : request.digests()) {
    order.items.push_back({.scheme = request.scheme(), .digest = ToBytes(digest)});
  }
  return order;
}

void SetBlob(const ReplicaBlob& blob, v1::CoreResponse& response) {
  v1::ReplicaBlob& answer = *response.mutable_blob();
  answer.set_replica_blob(AsText(blob.bytes).data(), blob.bytes.size());
  *answer.mutable_header() = HeaderToProto(blob.header);
}

}  // namespace

EngineExecutor::EngineExecutor(hsm::Connection& connection, KeyEngine& engine,
                               std::function<void()> on_restart_needed)
    : connection_(connection),
      engine_(engine),
      on_restart_needed_(std::move(on_restart_needed)),
      session_(connection.NewSession()),
      bench_(*session_) {}

Status EngineExecutor::Ensure() {
  Status ensured = session_->Ensure();
  if (!ensured.ok() && connection_.needs_restart()) on_restart_needed_();
  return ensured;
}

void EngineExecutor::Run(const Job& first, const Joiner& join,
                         std::vector<v1::CoreResponse>& responses) {
  if (first.request.has_sign()) {
    Sign(first, join, responses);
    return;
  }
  v1::CoreResponse& response = responses.emplace_back();
  if (const Status done = RunAlone(first.request, response); !done.ok())
    SetFailure(done.error(), response);
}

void EngineExecutor::Sign(const Job& first, const Joiner& join,
                          std::vector<v1::CoreResponse>& responses) {
  const v1::CoreSignRequest& request = first.request.sign();
  const auto take_more = [&join](std::size_t room) {
    std::vector<SignOrder> orders;
    for (const Job* job : join(room)) orders.push_back(OrderOf(job->request.sign()));
    return orders;
  };
  const auto results = engine_.Sign(bench_, first.line.key, first.line.version,
                                    KeyRevision{request.revision()}, OrderOf(request), take_more);
  responses.reserve(results.size());
  for (const auto& result : results) {
    v1::CoreResponse& response = responses.emplace_back();
    if (!result.ok()) {
      SetFailure(result.error(), response);
      continue;
    }
    v1::CoreSignResponse& signatures = *response.mutable_sign();
    signatures.mutable_signatures()->Reserve(static_cast<int>(result->size()));
    for (const Bytes& signature : *result)
      signatures.add_signatures(signature.data(), signature.size());
  }
}

Status EngineExecutor::RunAlone(const v1::CoreRequest& request, v1::CoreResponse& response) {
  switch (request.call_case()) {
    case v1::CoreRequest::kGenerate: {
      TWINSEAL_ASSIGN_OR_RETURN(const KeyHeader header,
                                HeaderFromProto(request.generate().header()));
      TWINSEAL_ASSIGN_OR_RETURN(const ReplicaBlob blob, engine_.Generate(bench_, header));
      SetBlob(blob, response);
      return Ok();
    }
    case v1::CoreRequest::kRevise: {
      const v1::ReviseRequest& revise = request.revise();
      const Revision revision{.state = revise.state(),
                              .policy = revise.policy(),
                              .revision = KeyRevision{revise.revision()}};
      TWINSEAL_ASSIGN_OR_RETURN(const ReplicaBlob blob,
                                engine_.Revise(bench_, AsBytes(revise.replica_blob()), revision));
      SetBlob(blob, response);
      return Ok();
    }
    case v1::CoreRequest::kInstall:
      response.mutable_done();
      return engine_.Install(bench_, AsBytes(request.install().replica_blob()));
    case v1::CoreRequest::kSeenRevision: {
      TWINSEAL_ASSIGN_OR_RETURN(const KeyId id,
                                KeyId::FromBytes(AsBytes(request.seen_revision().key_id())));
      TWINSEAL_ASSIGN_OR_RETURN(const KeyRevision seen, engine_.SeenRevision(bench_, id));
      response.mutable_seen_revision()->set_revision(Number(seen));
      return Ok();
    }
    case v1::CoreRequest::kErase: {
      TWINSEAL_ASSIGN_OR_RETURN(const KeyId id,
                                KeyId::FromBytes(AsBytes(request.erase().key_id())));
      response.mutable_done();
      return engine_.Erase(bench_, id);
    }
    case v1::CoreRequest::kRandom: {
      TWINSEAL_RETURN_IF_ERROR(session_->Ensure());
      Bytes random(request.random().size());
      TWINSEAL_RETURN_IF_ERROR(session_->Random(random));
      response.mutable_random()->set_random(random.data(), random.size());
      return Ok();
    }
    default:
      TWINSEAL_RETURN_IF_ERROR(session_->Ensure());
      return AnswerServing(*session_, request, response);
  }
}

}  // namespace twinseal::core
