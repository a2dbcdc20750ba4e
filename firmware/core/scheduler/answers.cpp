#include "firmware/core/scheduler/answers.h"

#include <string>

namespace twinseal::core {

void SetFailure(const Error& error, v1::CoreResponse& response) {
  v1::CoreFailure& failure = *response.mutable_failure();
  failure.set_code(std::string(CodeName(error.code())));
  failure.set_message(error.message());
  failure.set_origin(error.origin());
}

v1::CoreResponse FailureAnswer(std::uint64_t number, const Error& error) {
  v1::CoreResponse response;
  response.set_number(number);
  SetFailure(error, response);
  return response;
}

Error DeadlineExceeded() {
  return Error(Code::kDeadlineExceeded,
               "the request was not done within its deadline; ask again, with more time if the "
               "appliance is busy");
}

}  // namespace twinseal::core
