#include "agent/cli/config.h"

#include <algorithm>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/files.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// A configuration is four lines; what is longer is some other file.
constexpr std::size_t kMaxConfigBytes = std::size_t{64} * 1024;

struct Setting {
  const char* name;      // In the file.
  const char* variable;  // In the environment.
  bool required;
  std::vector<std::string> values;
};

std::vector<std::string> SplitByCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, ',')) {
    const auto first = part.find_first_not_of(" \t");
    if (first == std::string::npos) continue;
    parts.push_back(part.substr(first, part.find_last_not_of(" \t") - first + 1));
  }
  return parts;
}

// Empty when the user has no home.
std::string DefaultPath(const Surroundings& surroundings) {
  const auto folder = surroundings.environment("XDG_CONFIG_HOME");
  if (folder && folder->starts_with('/')) return *folder + "/twinseal/config.toml";
  const auto home = surroundings.environment("HOME");
  return home && !home->empty() ? *home + "/.config/twinseal/config.toml" : "";
}

std::string Names(const std::vector<Setting>& settings) {
  std::string names;
  for (const Setting& setting : settings) {
    const bool last = &setting == &settings.back();
    names += fmt::format("{}{}", names.empty() ? "" : last ? " and " : ", ", setting.name);
  }
  return names;
}

Status ReadSettings(const std::string& path, std::vector<Setting>& settings) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes content, ReadFile(path, kMaxConfigBytes));
  std::istringstream stream(ToString(content));
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(stream);
  } catch (const CLI::Error& error) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} cannot be read as TOML: {}", Printable(path), error.what()));
  }
  for (const CLI::ConfigItem& item : items) {
    const std::string name = item.fullname();
    const auto setting = std::find_if(settings.begin(), settings.end(),
                                      [&](const Setting& one) { return name == one.name; });
    if (setting == settings.end()) {
      return Error(Code::kInvalidArgument,
                   fmt::format("{}: there is no setting '{}'; there are {}", Printable(path),
                               Printable(name), Names(settings)));
    }
    if (setting->values.empty()) setting->values = item.inputs;
  }
  return Ok();
}

}  // namespace

Result<std::string> ParseEndpoint(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  constexpr std::string_view kScheme = "https://";
  if (!text.starts_with(kScheme) || text.size() == kScheme.size() ||
      text.find('/', kScheme.size()) != std::string::npos) {
    return Error(Code::kInvalidArgument,
                 fmt::format("'{}' is no endpoint; write https://HOST:PORT", Printable(text)));
  }
  return text;
}

Result<Config> LoadConfig(const Surroundings& surroundings,
                          const std::optional<std::string>& file) {
  std::vector<Setting> settings = {{"endpoints", "TWINSEAL_ENDPOINTS", true, {}},
                                   {"certificate", "TWINSEAL_CERTIFICATE", true, {}},
                                   {"key", "TWINSEAL_KEY", true, {}},
                                   {"ca", "TWINSEAL_CA", true, {}},
                                   {"agent", "TWINSEAL_AGENT", false, {}},
                                   {"proxy", "TWINSEAL_PROXY", false, {}}};
  for (Setting& setting : settings) {
    const auto value = surroundings.environment(setting.variable);
    if (value && !value->empty()) setting.values = {*value};
  }
  const std::string path = file ? *file : DefaultPath(surroundings);
  const auto lacking = [](const Setting& one) { return one.required && one.values.empty(); };
  const bool complete = std::none_of(settings.begin(), settings.end(), lacking);
  if (!path.empty() && (file || !complete)) {
    Status read = ReadSettings(path, settings);
    // Nobody has to have the default file.
    if (!read.ok() && (file || read.error().code() != Code::kNotFound)) return read.error();
  }

  std::string missing;
  for (const Setting& setting : settings) {
    if (lacking(setting))
      missing += fmt::format("{}{}", missing.empty() ? "" : ", ", setting.variable);
  }
  if (!missing.empty()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the configuration lacks {}; set {} in the environment, or endpoints, "
                             "certificate, key and "
                             "ca in {}",
                             missing, missing.find(',') == std::string::npos ? "it" : "them",
                             path.empty() ? "a file that --config names" : Printable(path)));
  }

  Config config;
  for (const std::string& value : settings[0].values) {
    for (const std::string& text : SplitByCommas(value)) {
      TWINSEAL_ASSIGN_OR_RETURN(std::string endpoint, ParseEndpoint(text));
      config.endpoints.push_back(std::move(endpoint));
    }
  }
  if (config.endpoints.empty()) {
    return Error(
        Code::kFailedPrecondition,
        "the configuration names no endpoint; write https://HOST:PORT into TWINSEAL_ENDPOINTS");
  }
  config.certificate = settings[1].values.front();
  config.key = settings[2].values.front();
  config.ca = settings[3].values.front();
  if (!settings[4].values.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(config.agent, ParseEndpoint(settings[4].values.front()));
  }
  if (!settings[5].values.empty()) config.proxy = settings[5].values.front();
  return config;
}

}  // namespace twinseal::cli
