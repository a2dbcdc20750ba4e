#include "firmware/core/process/options.h"

#include <CLI/CLI.hpp>

#include "firmware/core_protocol/exit_status.h"

namespace twinseal::core {

std::optional<Options> ParseOptions(int argc, char** argv, int& exit_status) {
  Options options;
  CLI::App app("Twinseal's signing core. It is started by twinseald, not by hand.");
  app.add_option("--channel-fd", options.channel_fd,
                 "The socket to twinseald, an inherited descriptor")
      ->required()
      ->check(CLI::NonNegativeNumber);
  app.add_option("--data-dir", options.data_dir,
                 "The appliance's folder; the core keeps its files in vault/ and core/")
      ->required();
  app.add_option("--site", options.site, "The appliance's site, whose part of each policy holds")
      ->required();
  app.add_option("--module", options.module_path, "The PKCS#11 module, a shared object")
      ->required();
  app.add_option(
      "--module-arguments", options.module_arguments,
      "Handed to the module's C_Initialize; NSS softokn wants its configdir string here");
  app.add_option(
      "--module-environment", options.module_environment,
      "An environment variable that the module needs besides the usual ones; may be given again");
  app.add_option("--token", options.token, "The token's label, or a PKCS#11 URI (RFC 7512)")
      ->required();
  app.add_option("--sessions", options.sessions, "HSM sessions, each with a worker")
      ->capture_default_str()
      ->check(CLI::Range(1U, kMaxSessions));
  app.add_option(
      "--pin-fd", options.pin_fd,
      "A descriptor with the user PIN; without it the systemd credential hsm-pin is read");
  app.add_option(
      "--so-pin-fd", options.so_pin_fd,
      "With --initialize: a descriptor with the security officer's PIN, to make a blank token the "
      "appliance's");
  app.add_flag("--initialize", options.initialize, "Set the token up instead of serving");
  app.add_option("--log-level", options.log_level, "trace, debug, info, warning, error")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int shown = app.exit(error);
    exit_status = static_cast<int>(shown == 0 ? core_protocol::CoreExit::kDone
                                              : core_protocol::CoreExit::kUsage);
    return std::nullopt;
  }
  return options;
}

}  // namespace twinseal::core
