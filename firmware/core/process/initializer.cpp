#include "firmware/core/process/initializer.h"

#include <vector>

#include <spdlog/spdlog.h>

#include "firmware/core/channel/request_reader.h"
#include "firmware/core/process/pairing_requests.h"
#include "firmware/core/scheduler/answers.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/setup/prepare_token.h"

namespace twinseal::core {

Status Initializer::Serve(int fd, FrameWriter& writer) {
  RequestReader reader(fd);
  const auto take = [&](const std::vector<ReceivedRequest>& group) {
    for (const ReceivedRequest& received : group) {
      const std::vector<v1::CoreResponse> answers(1, Answer(received.request));
      writer.Answer(answers);
    }
  };
  while (true) {
    const Result<bool> more = reader.ReadOnce(take);
    writer.Flush();
    if (!more.ok()) return more.error();
    if (!*more) return Ok();
  }
}

v1::CoreResponse Initializer::Answer(const v1::CoreRequest& request) {
  v1::CoreResponse response;
  if (const Status done = Run(request, response); !done.ok()) {
    spdlog::error("what was asked of the token failed: {}", done.error().Describe());
    SetFailure(done.error(), response);
  }
  response.set_number(request.number());
  return response;
}

Status Initializer::Run(const v1::CoreRequest& request, v1::CoreResponse& response) {
  if (request.has_initialize()) return Initialize(request.initialize(), response);
  if (!IsOfSetUp(request)) {
    return Error(Code::kFailedPrecondition,
                 "this signing core was started to set a token up and does nothing else");
  }
  return WithSession([&](hsm::Session& session) {
    return AnswerSetUp(session, options_.vault_folder, request, response);
  });
}

Status Initializer::Initialize(const v1::CoreInitializeRequest& request,
                               v1::CoreResponse& response) {
  if (options_.so_pin) {
    TWINSEAL_RETURN_IF_ERROR(PrepareToken(options_.connection.module, options_.connection.token,
                                          *options_.so_pin, pin_text_));
  }
  return WithSession([&](hsm::Session& session) -> Status {
    TWINSEAL_ASSIGN_OR_RETURN(
        const Bytes identity,
        MakeApplianceKeys(session, request.join() ? KeySet::kToJoin : KeySet::kWithDomain));
    spdlog::info(request.join() ? "the token is set up to join a domain" : "the token is set up");
    response.mutable_initialize()->set_identity_public_key_der(ToString(identity));
    return Ok();
  });
}

Status Initializer::WithSession(const std::function<Status(hsm::Session&)>& work) {
  hsm::Connection connection(options_.connection, pin_);
  TWINSEAL_RETURN_IF_ERROR(connection.Connect());
  const std::unique_ptr<hsm::Session> session = connection.NewSession();
  TWINSEAL_RETURN_IF_ERROR(session->Ensure());
  return work(*session);
}

}  // namespace twinseal::core
