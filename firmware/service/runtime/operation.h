// One call under way: whoever it is from, the audit record that it becomes, and the answer that may
// go out only once that record is on disk.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/result.h"
#include "firmware/audit/audit_log.h"
#include "firmware/policy/permissions.h"
#include "firmware/policy/principal.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/runtime/in_flight.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::service {

// Where finished operations go. Thread-safe.
class Recorder {
 public:
  Recorder(audit::AuditLog& log, RequestMetrics& metrics) : log_(log), metrics_(metrics) {}

  // Sets the record's outcome, makes it durable and calls `done` with what may be answered:
  // nothing, or why not.
  void Record(policy::Procedure procedure, std::chrono::steady_clock::time_point started,
              v1::AuditRecord record, const Error* error, std::function<void(Status)> done);

 private:
  audit::AuditLog& log_;
  RequestMetrics& metrics_;
};

// Handed to a handler, which calls Finish() once, from any thread. Whatever it knows about key and
// digests it puts into record() before.
template <typename Response>
class Operation {
 public:
  using Respond = std::function<void(Result<Response>)>;

  Operation(Recorder& recorder, policy::Procedure procedure, const policy::Principal& principal,
            Deadline deadline, Respond respond)
      : recorder_(recorder),
        procedure_(procedure),
        principal_(principal),
        deadline_(deadline),
        respond_(std::move(respond)) {
    record_.set_operation(std::string(policy::PermissionOf(procedure).name));
    record_.set_caller_role(std::string(policy::RoleName(principal.role())));
    record_.set_caller_name(principal.name());
  }

  const policy::Principal& principal() const { return principal_; }
  Deadline deadline() const { return deadline_; }
  v1::AuditRecord& record() { return record_; }
  void Hold(InFlight::Ticket ticket) { ticket_.emplace(std::move(ticket)); }

  // The operation must be held by `self` until the record is durable.
  static void Finish(std::shared_ptr<Operation> self, Result<Response> result) {
    self->result_.emplace(std::move(result));
    Operation& operation = *self;
    const Error* error = operation.result_->ok() ? nullptr : &operation.result_->error();
    operation.recorder_.Record(operation.procedure_, operation.started_,
                               std::move(operation.record_), error,
                               [self = std::move(self)](const Status& recorded) {
                                 Respond respond = std::move(self->respond_);
                                 // Before the answer: who has it may send the next request at once.
                                 self->ticket_.reset();
                                 if (!recorded.ok()) {
                                   respond(recorded.error());
                                 } else {
                                   respond(*std::move(self->result_));
                                 }
                               });
  }

 private:
  Recorder& recorder_;
  const policy::Procedure procedure_;
  const policy::Principal principal_;
  const Deadline deadline_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::optional<InFlight::Ticket> ticket_;
  v1::AuditRecord record_;
  Respond respond_;
  std::optional<Result<Response>> result_;
};

}  // namespace twinseal::service
