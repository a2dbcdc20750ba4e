#include "agent/cli/service_config.h"

#include <map>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/config.h"
#include "agent/cli/files.h"
#include "agent/cli/text.h"
#include "common/base/types.h"

namespace twinseal::cli {
namespace {

// Such a file has some dozen lines; what is longer is some other file.
constexpr std::size_t kMaxServiceConfigBytes = std::size_t{256} * 1024;

// The settings that have one value. The service itself says what is wrong with the others.
class ServiceConfig {
 public:
  static Result<ServiceConfig> Read(const std::string& path) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes content, ReadFile(path, kMaxServiceConfigBytes));
    std::istringstream stream(ToString(content));
    ServiceConfig config(path);
    try {
      for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(stream)) {
        if (item.inputs.size() == 1) config.values_[item.fullname()] = item.inputs.front();
      }
    } catch (const CLI::Error& error) {
      return Error(Code::kInvalidArgument,
                   fmt::format("{} cannot be read as TOML: {}", Printable(path), error.what()));
    }
    return config;
  }

  // Empty when it is not set.
  std::string Get(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }

  Result<std::string> Require(const std::string& name, std::string_view what) const {
    std::string value = Get(name);
    if (!value.empty()) return value;
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} does not say {}; set {} there", Printable(path_), what, name));
  }

 private:
  explicit ServiceConfig(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::map<std::string, std::string> values_;
};

}  // namespace

Result<std::string> ApplianceDataFolder(const std::string& config_file) {
  TWINSEAL_ASSIGN_OR_RETURN(const ServiceConfig config, ServiceConfig::Read(config_file));
  return config.Require("data_dir", "where the appliance's folder is");
}

Result<AgentSettings> ReadAgentSettings(const std::string& config_file) {
  TWINSEAL_ASSIGN_OR_RETURN(const ServiceConfig config, ServiceConfig::Read(config_file));
  AgentSettings settings;
  settings.name = config.Get("name").empty() ? "agent" : config.Get("name");
  if (const auto name = SiteName::Parse(settings.name); !name.ok()) {
    return name.error().Within(Printable(config_file) + ": name");
  }
  TWINSEAL_ASSIGN_OR_RETURN(settings.data_dir,
                            config.Require("data_dir", "where the agent's folder is"));
  settings.peer = config.Get("peer_address");
  if (settings.peer.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(
        settings.peer, config.Require("peer_listen", "where the others reach its ledger member"));
    if (settings.peer.starts_with("0.0.0.0:") || settings.peer.starts_with("[::]:")) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("{} does not say at which address the others reach its ledger "
                               "member; set peer_address = \"HOST:PORT\" there",
                               Printable(config_file)));
    }
  }
  TWINSEAL_ASSIGN_OR_RETURN(
      settings.api, config.Require("api_address", "where operators and the sites call the agent"));
  TWINSEAL_ASSIGN_OR_RETURN(settings.api, ParseEndpoint(settings.api));
  return settings;
}

}  // namespace twinseal::cli
