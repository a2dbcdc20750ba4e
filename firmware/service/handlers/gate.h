// The way in for every call: who it is from, whether that role may, whether there is room; and the
// way out, through the audit log. A handler gets its authorization from here and cannot be reached
// without.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "firmware/policy/authorize.h"
#include "firmware/service/keys/request_log.h"
#include "firmware/service/runtime/in_flight.h"
#include "firmware/service/runtime/operation.h"
#include "firmware/service/runtime/work_pool.h"

namespace twinseal::service {

template <typename Response>
using Respond = std::function<void(Result<Response>)>;

// One call as it came in.
template <typename Message>
struct Call {
  policy::Principal principal;
  Deadline deadline;
  Result<Message> request;  // Or why it cannot be read, or was not admitted.
};

// An exception ends here, as an error of this request.
template <typename Response, typename Work>
Result<Response> Guarded(const Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return Error(Code::kInternal,
                 fmt::format("an error that should not have been: {}; report it", error.what()));
  }
}

// Thread-safe.
class Gate {
 public:
  Gate(Recorder& recorder, InFlight& in_flight, WorkPool& pool)
      : recorder_(recorder), in_flight_(in_flight), pool_(pool) {}

  // `handle(operation, authorized, request)` runs in this thread, must not block, and sees to it
  // that Operation::Finish is called once.
  template <policy::Procedure P, typename Message, typename Response, typename Handle>
  void Enter(Call<Message> call, Respond<Response> respond, Handle handle) {
    auto operation = std::make_shared<Operation<Response>>(recorder_, P, call.principal,
                                                           call.deadline, std::move(respond));
    Result<policy::Authorized<P>> authorized = policy::Authorize<P>(call.principal);
    if (!authorized.ok())
      return Operation<Response>::Finish(std::move(operation), authorized.error());
    if (call.request.ok()) NoteRequestId(*call.request, operation->record());
    Result<InFlight::Ticket> ticket = in_flight_.Enter(call.principal.Text());
    if (!ticket.ok()) return Operation<Response>::Finish(std::move(operation), ticket.error());
    operation->Hold(*std::move(ticket));
    if (!call.request.ok())
      return Operation<Response>::Finish(std::move(operation), call.request.error());
    handle(std::move(operation), *std::move(authorized), *std::move(call.request));
  }

  // `work(authorized, request, operation)` runs on a thread that may block and gives the answer.
  template <policy::Procedure P, typename Message, typename Response, typename Work>
  void EnterBlocking(Call<Message> call, Respond<Response> respond, Work work) {
    Enter<P, Message, Response>(
        std::move(call), std::move(respond),
        [this, work = std::move(work)](std::shared_ptr<Operation<Response>> operation,
                                       policy::Authorized<P> authorized, Message request) {
          // A job is copyable, an authorization is not.
          auto shared = std::make_shared<std::pair<policy::Authorized<P>, Message>>(
              std::move(authorized), std::move(request));
          const bool accepted = pool_.Submit([operation, shared, work] {
            if (std::chrono::steady_clock::now() >= operation->deadline()) {
              Operation<Response>::Finish(
                  operation, Error(Code::kDeadlineExceeded,
                                   "the request waited too long for its turn; try again"));
              return;
            }
            Result<Response> result =
                Guarded<Response>([&] { return work(shared->first, shared->second, *operation); });
            Operation<Response>::Finish(operation, std::move(result));
          });
          if (!accepted) {
            Operation<Response>::Finish(
                operation,
                Error(Code::kResourceExhausted, "too many requests are waiting; try again later"));
          }
        });
  }

 private:
  template <typename Message>
  static void NoteRequestId(const Message& request, v1::AuditRecord& record) {
    if constexpr (requires { request.request_id(); }) {
      // Anything else is refused later; a record names no more of it than an id may have.
      record.set_request_id(request.request_id().substr(0, RequestId::kMaxSize));
    }
  }

  Recorder& recorder_;
  InFlight& in_flight_;
  WorkPool& pool_;
};

// What a mutating request says of itself. invalid_argument for a bad request_id.
template <policy::Procedure P, typename Message>
Result<Mutation> MutationOf(const policy::Authorized<P>& caller, const Message& request,
                            Deadline deadline) {
  Result<RequestId> id = RequestId::Parse(request.request_id());
  if (!id.ok()) return id.error();
  std::string operation(policy::PermissionOf(P).name);
  Bytes hash = HashRequest(operation, request);
  return Mutation{std::move(operation), *std::move(id), std::move(hash), caller.principal().Text(),
                  deadline};
}

}  // namespace twinseal::service
