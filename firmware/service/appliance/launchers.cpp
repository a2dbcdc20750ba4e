#include "firmware/service/appliance/launchers.h"

#include <utility>
#include <vector>

#include "firmware/core_protocol/exit_status.h"

namespace twinseal::service {
namespace {

std::vector<std::string> Arguments(const Options& options) {
  std::vector<std::string> arguments = {"--channel-fd", std::to_string(kCoreSocketFd),
                                        "--data-dir",   options.data_dir.string(),
                                        "--site",       options.site,
                                        "--module",     options.hsm_module,
                                        "--token",      options.hsm_token,
                                        "--sessions",   std::to_string(options.hsm_sessions),
                                        "--pin-fd",     std::to_string(kCorePinFd),
                                        "--log-level",  options.log_level};
  if (!options.hsm_module_arguments.empty()) {
    // One word: the value may begin with a dash or hold spaces.
    arguments.push_back("--module-arguments=" + options.hsm_module_arguments);
  }
  for (const std::string& name : options.hsm_module_environment) {
    arguments.emplace_back("--module-environment");
    arguments.push_back(name);
  }
  return arguments;
}

}  // namespace

std::unique_ptr<CoreLauncher> ServingCore(const Options& options, int pin_fd) {
  return std::make_unique<ProgramLauncher>(ProgramLauncher::Options{.program = options.core_program,
                                                                    .arguments = Arguments(options),
                                                                    .pin_fd = pin_fd,
                                                                    .so_pin_fd = -1});
}

std::unique_ptr<CoreLauncher> InitializingCore(const Options& options, int pin_fd, int so_pin_fd) {
  std::vector<std::string> arguments = Arguments(options);
  arguments.emplace_back("--initialize");
  if (so_pin_fd >= 0) {
    arguments.emplace_back("--so-pin-fd");
    arguments.push_back(std::to_string(kCoreSoPinFd));
  }
  return std::make_unique<ProgramLauncher>(
      ProgramLauncher::Options{.program = options.core_program,
                               .arguments = std::move(arguments),
                               .pin_fd = pin_fd,
                               .so_pin_fd = so_pin_fd});
}

SupervisorOptions SupervisionOf() {
  SupervisorOptions options;
  options.lasting_reason = [](const ProcessEnd& end) -> std::optional<std::string> {
    if (end.signal != 0) return std::nullopt;
    const auto status = static_cast<core_protocol::CoreExit>(end.exit_status);
    if (core_protocol::RestartMayHelp(status)) return std::nullopt;
    return std::string(core_protocol::Describe(status));
  };
  return options;
}

}  // namespace twinseal::service
