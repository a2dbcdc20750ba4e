#include "firmware/core/process/initializer.h"

#include <vector>

#include <spdlog/spdlog.h>

#include "firmware/core/channel/request_reader.h"
#include "firmware/core/scheduler/answers.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/setup/prepare_token.h"
#include "hsm/pkcs11/session.h"

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
  if (!request.has_initialize()) {
    return FailureAnswer(
        request.number(),
        Error(Code::kFailedPrecondition,
              "this signing core was started to set a token up and does nothing else"));
  }
  const Result<Bytes> identity = Initialize();
  if (!identity.ok()) {
    spdlog::error("setting the token up failed: {}", identity.error().Describe());
    return FailureAnswer(request.number(), identity.error());
  }
  spdlog::info("the token is set up");
  v1::CoreResponse response;
  response.set_number(request.number());
  response.mutable_initialize()->set_identity_public_key_der(AsText(*identity).data(),
                                                             identity->size());
  return response;
}

Result<Bytes> Initializer::Initialize() {
  if (options_.so_pin) {
    TWINSEAL_RETURN_IF_ERROR(PrepareToken(options_.connection.module, options_.connection.token,
                                          *options_.so_pin, pin_text_));
  }
  hsm::Connection connection(options_.connection, pin_);
  TWINSEAL_RETURN_IF_ERROR(connection.Connect());
  const std::unique_ptr<hsm::Session> session = connection.NewSession();
  TWINSEAL_RETURN_IF_ERROR(session->Ensure());
  return MakeApplianceKeys(*session);
}

}  // namespace twinseal::core
