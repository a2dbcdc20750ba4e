// What the command line needs to know of the configuration files of twinseald and twinseal-agent,
// which are TOML as CLI11 reads it.
#pragma once

#include <string>

#include "common/base/result.h"

namespace twinseal::cli {

// twinseald.conf's data_dir. failed_precondition when it names none.
Result<std::string> ApplianceDataFolder(const std::string& config_file);

// Of agent.conf.
struct AgentSettings {
  std::string name;  // The witness's, among the places of the pair.
  std::string data_dir;
  std::string peer;  // "192.0.2.3:2380": where the others reach its ledger member.
  std::string api;   // "https://HOST:PORT"
};

// failed_precondition that names what is missing.
Result<AgentSettings> ReadAgentSettings(const std::string& config_file);

}  // namespace twinseal::cli
