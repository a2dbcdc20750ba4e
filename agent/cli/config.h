// Where the appliances are and who the caller is: from the environment, then from the configuration
// file.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/surroundings.h"
#include "common/base/result.h"

namespace twinseal::cli {

struct Config {
  std::vector<std::string> endpoints;  // "https://host:port"
  std::string certificate;             // Paths of PEM files.
  std::string key;
  std::string ca;
  std::string agent;  // The agent's endpoint; empty when none is configured.
  std::string proxy;  // "http://HOST:PORT" of an HTTP CONNECT proxy; empty for none.
  // Whatever certificate the other side has is taken, and the caller shows none: for an appliance
  // that is yet to join a pair, where everything that counts is signed by itself.
  bool any_server = false;
  std::chrono::seconds timeout{30};  // Of one call.
};

// "https://host:port", without slashes at its end; invalid_argument for anything else.
Result<std::string> ParseEndpoint(std::string text);

// Each value comes from its variable (TWINSEAL_ENDPOINTS, TWINSEAL_CERTIFICATE, TWINSEAL_KEY,
// TWINSEAL_CA, TWINSEAL_AGENT, TWINSEAL_PROXY), else from the file: `file` when the user named one,
// which must then exist, else $XDG_CONFIG_HOME/twinseal/config.toml, else
// ~/.config/twinseal/config.toml. failed_precondition that lists what is missing and where to set
// it.
Result<Config> LoadConfig(const Surroundings& surroundings, const std::optional<std::string>& file);

}  // namespace twinseal::cli
