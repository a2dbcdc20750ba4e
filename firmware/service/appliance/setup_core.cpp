#include "firmware/service/appliance/setup_core.h"

#include <utility>

#include <fmt/format.h>

#include "firmware/service/appliance/launchers.h"
#include "firmware/service/core_link/core_link.h"

namespace twinseal::service {

SupervisorOptions OneTry() {
  SupervisorOptions options;
  options.lasting_reason = [described = SupervisionOf().lasting_reason](const ProcessEnd& end) {
    std::optional<std::string> reason = described(end);
    return reason ? *reason
                  : fmt::format("the signing core ended with {}; its log says why", end.Describe());
  };
  return options;
}

Result<v1::CoreResponse> AskSetUpCore(CoreLauncher& launcher, v1::CoreRequest request) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<CoreProcess> process, launcher.Launch());
  Result<v1::CoreResponse> answer = Error(Code::kInternal, "not asked");
  {
    CoreLink link(process->TakeSocket(), {});
    answer = CallAndWait(link, std::move(request), std::chrono::steady_clock::now() + kTokenTime);
  }
  const ProcessEnd end = process->Wait();
  // A core that could not even begin says why by its exit status.
  if (!answer.ok() && answer.error().code() == Code::kUnavailable) {
    return Error(Code::kFailedPrecondition, *OneTry().lasting_reason(end));
  }
  return answer;
}

}  // namespace twinseal::service
