#include "firmware/service/runtime/operation.h"

namespace twinseal::service {

void Recorder::Record(policy::Procedure procedure, std::chrono::steady_clock::time_point started,
                      v1::AuditRecord record, const Error* error,
                      std::function<void(Status)> done) {
  // What the pair's other places ask all the time is counted, and recorded only when it goes wrong.
  const bool routine = error == nullptr && !policy::PermissionOf(procedure).mutates &&
                       (record.caller_role() == policy::RoleName(policy::Role::kAgent) ||
                        record.caller_role() == policy::RoleName(policy::Role::kSite));
  if (routine) {
    using std::chrono::microseconds;
    metrics_.Count(
        procedure, std::nullopt,
        std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - started));
    done(Ok());
    return;
  }
  std::optional<Code> code;
  if (error == nullptr) {
    record.set_outcome("ok");
  } else {
    code = error->code();
    record.set_outcome(std::string(CodeName(*code)));
    record.set_detail(error->message());
  }
  log_.Append(std::move(record), [this, procedure, started, code,
                                  done = std::move(done)](const Status& recorded) {
    using std::chrono::microseconds;
    const auto time =
        std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - started);
    metrics_.Count(procedure, recorded.ok() ? code : recorded.error().code(), time);
    if (recorded.ok()) {
      done(Ok());
      return;
    }
    done(recorded.error().Within(
        "the operation could not be recorded in the audit log and is not answered"));
  });
}

}  // namespace twinseal::service
