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
  std::chrono::seconds timeout{30};  // Of one call.
};

// Each value comes from its variable (TWINSEAL_ENDPOINTS, TWINSEAL_CERTIFICATE, TWINSEAL_KEY,
// TWINSEAL_CA), else from the file: `file` when the user named one, which must then exist, else
// $XDG_CONFIG_HOME/twinseal/config.toml, else
// ~/.config/twinseal/config.toml. failed_precondition that lists what is missing and where to set
// it.
Result<Config> LoadConfig(const Surroundings& surroundings, const std::optional<std::string>& file);

}  // namespace twinseal::cli
