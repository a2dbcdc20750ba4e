#include "firmware/service/runtime/options.h"

#include <array>
#include <charconv>
#include <iostream>
#include <string_view>

#include <CLI/CLI.hpp>
#include <unistd.h>

namespace twinseal::service {
namespace {

// "host:port", "[::1]:8443".
std::string ParseListen(const std::string& text, Options& options) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return "listen is ADDRESS:PORT, such as 0.0.0.0:8443";
  std::string host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  const std::string_view port = std::string_view(text).substr(colon + 1);
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (failed != std::errc() || end != port.data() + port.size())
    return "listen has no port from 0 to 65535";
  options.address = host;
  return {};
}

void AddPairOptions(CLI::App& app, Options& options) {
  app.add_option("--peer-listen,--peer_listen", options.peer_listen,
                 "ADDRESS:PORT where the ledger's member of a pair listens for the other places");
  app.add_option("--peer-address,--peer_address", options.peer_address,
                 "HOST:PORT by which the other places reach that; default: peer_listen");
  app.add_option("--api-address,--api_address", options.api_address,
                 "https://HOST:PORT by which the other places and clients call this appliance");
  app.add_option("--proxy", options.proxy,
                 "http://HOST:PORT of a proxy through which the other places are reached");
  app.add_option("--ledger-names,--ledger_names", options.ledger_names,
                 "DNS names and addresses from which the other places see this one come, when "
                 "that is not the host of peer_address");
  app.add_option("--etcd-program,--etcd_program", options.etcd_program, "etcd, 3.4 to 3.6")
      ->capture_default_str();
  app.add_option("--heartbeat-ms,--heartbeat_ms", options.heartbeat_ms,
                 "Between heartbeats of the ledger's leader: about one round trip between places")
      ->capture_default_str()
      ->check(CLI::Range(10U, 1'000U));
  app.add_option("--election-ms,--election_ms", options.election_ms,
                 "Without a heartbeat for so long, another leader is elected; at least five "
                 "heartbeats")
      ->capture_default_str()
      ->check(CLI::Range(50U, 50'000U));
  app.add_option("--ledger-quota-mib,--ledger_quota_mib", options.ledger_quota_mib,
                 "How large the ledger may become, in MiB; the same at each place")
      ->capture_default_str()
      ->check(CLI::Range(2U, 65'536U));
}

std::filesystem::path ProgramBeside(std::string_view name) {
  std::error_code failed;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", failed);
  return own.parent_path() / name;
}

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, int& exit_status) {
  Options options;
  std::string listen = "127.0.0.1:8443";
  CLI::App app(
      "twinseald: the appliance's service. It starts twinseal-core, which alone uses the HSM.\n"
      "Signals: SIGTERM and SIGINT finish what was accepted and stop; SIGHUP reads the PIN again "
      "and starts a core\n"
      "that had refused to run.");
  app.set_config("--config", "", "The configuration file; every setting below may stand in it");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--site", options.site, "This site's short name (a-z, 0-9, '-')");
  app.get_option("--site")->required()->check([](const std::string& text) {
    const Result<SiteName> name = SiteName::Parse(text);
    return name.ok() ? std::string() : name.error().message();
  });
  app.add_option("--data-dir,--data_dir", options.data_dir,
                 "The appliance's folder, its owner's alone (mode 0700)")
      ->required();
  app.add_option("--listen", listen, "ADDRESS:PORT to serve; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--names", options.names,
                 "DNS names and addresses that clients reach the appliance by, for its "
                 "TLS certificate; localhost and the address listened on are always there");
  app.add_option("--ready-file,--ready_file", options.ready_file,
                 "Written when the appliance serves: {\"port\": N, \"pid\": N}");
  app.add_option("--threads", options.threads,
                 "Threads that do I/O and TLS; 0: by the processors there are")
      ->capture_default_str()
      ->check(CLI::Range(0U, 64U));
  app.add_option("--hsm-module,--hsm_module", options.hsm_module,
                 "The PKCS#11 module, a shared object")
      ->required();
  app.add_option(
      "--hsm-module-arguments,--hsm_module_arguments", options.hsm_module_arguments,
      "Handed to the module's C_Initialize; NSS softokn wants its configdir string here");
  app.add_option("--hsm-module-environment,--hsm_module_environment",
                 options.hsm_module_environment,
                 "Names of environment variables that the module needs besides the usual ones");
  app.add_option("--hsm-token,--hsm_token", options.hsm_token,
                 "The token's label, or a PKCS#11 URI (RFC 7512)")
      ->required();
  app.add_option("--hsm-sessions,--hsm_sessions", options.hsm_sessions,
                 "HSM sessions, each with a worker")
      ->capture_default_str()
      ->check(CLI::Range(1U, 64U));
  app.add_option("--core-program,--core_program", options.core_program,
                 "twinseal-core; without it the one beside this program");
  app.add_option("--log-level,--log_level", options.log_level, "trace, debug, info, warning, error")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  AddPairOptions(app, options);
  app.add_option("--pin-fd", options.pin_fd,
                 "A descriptor (file or pipe) with the HSM's user PIN; without it the systemd "
                 "credential hsm-pin, "
                 "without that a prompt")
      ->configurable(false);
  app.add_flag("--initialize", options.initialize,
               "Set the appliance up; used by `twinseal appliance init`")
      ->configurable(false);
  app.add_option("--setup-fd", options.setup_fd,
                 "With --initialize: the socket to who asked for it")
      ->configurable(false);
  app.add_option("--so-pin-fd", options.so_pin_fd, "With --initialize: the security officer's PIN")
      ->configurable(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // 2: wrong usage.
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  if (const std::string wrong = ParseListen(listen, options); !wrong.empty()) {
    std::cerr << wrong << '\n';
    exit_status = 2;
    return std::nullopt;
  }
  if (options.initialize && options.setup_fd < 0) {
    std::cerr << "--initialize needs --setup-fd; run `twinseal appliance init`\n";
    exit_status = 2;
    return std::nullopt;
  }
  if (options.peer_address.empty()) options.peer_address = options.peer_listen;
  if (options.core_program.empty()) options.core_program = ProgramBeside("twinseal-core");
  return options;
}

}  // namespace twinseal::service
