#include "agent/daemon/options.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "common/base/types.h"
#include "common/etcd/address.h"

namespace twinseal::agent {
namespace {

void AddOwn(CLI::App& app, Options& options, std::string& listen) {
  app.add_option("--name", options.name, "The witness's name among the places of the pair")
      ->capture_default_str()
      ->check([](const std::string& text) {
        const Result<SiteName> name = SiteName::Parse(text);
        return name.ok() ? std::string() : name.error().message();
      });
  app.add_option("--data-dir,--data_dir", options.data_dir,
                 "The agent's folder, its owner's alone (mode 0700)")
      ->required();
  app.add_option("--listen", listen, "ADDRESS:PORT to serve; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--api-address,--api_address", options.api_address,
                 "https://HOST:PORT by which the sites and operators call the agent");
  app.add_option("--ready-file,--ready_file", options.ready_file,
                 "Written when the agent listens: {\"port\": N, \"pid\": N}");
  app.add_option("--log-level,--log_level", options.log_level, "trace, debug, info, warning, error")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
}

void AddLedger(CLI::App& app, Options& options) {
  app.add_option("--peer-listen,--peer_listen", options.peer_listen,
                 "ADDRESS:PORT where the ledger's member listens for the other places")
      ->required();
  app.add_option("--peer-address,--peer_address", options.peer_address,
                 "HOST:PORT by which the other places reach that; default: peer_listen");
  app.add_option("--proxy", options.proxy,
                 "http://HOST:PORT of a proxy through which the other places are reached");
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

}  // namespace

std::optional<Options> ParseOptions(int argc, const char* const* argv, int& exit_status) {
  Options options;
  std::string listen = "127.0.0.1:8443";
  CLI::App app(
      "twinseal-agent: the third place of a pair of appliances. It votes in their ledger, watches\n"
      "them from outside and says what is wrong; no signature passes through it.\n"
      "Signals: SIGTERM and SIGINT stop it in good order.");
  app.set_config("--config", "", "The configuration file; every setting below may stand in it");
  app.allow_config_extras(CLI::config_extras_mode::error);
  AddOwn(app, options, listen);
  AddLedger(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // 2: wrong usage.
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return std::nullopt;
  }
  const Result<etcd::Address> address = etcd::ParseAddress(listen, "listen");
  if (!address.ok()) {
    std::cerr << address.error().message() << '\n';
    exit_status = 2;
    return std::nullopt;
  }
  options.address = address->host;
  options.port = address->port;
  if (options.peer_address.empty()) options.peer_address = options.peer_listen;
  return options;
}

}  // namespace twinseal::agent
