#include "agent/pkcs11/config.h"

#include <charconv>
#include <filesystem>
#include <fstream>

#include <CLI/Config.hpp>
#include <fmt/format.h>

namespace twinseal::pkcs11 {
namespace {

constexpr const char* kSystemConfig = "/etc/twinseal/pkcs11.conf";
// CK_TOKEN_INFO.label is that long.
constexpr std::size_t kMaxLabel = 32;
// A call that takes longer is of no use to anybody.
constexpr std::chrono::seconds kMaxTimeout{3600};

Error Wrong(const std::string& path, std::string_view what) {
  return Error(Code::kInvalidArgument, fmt::format("{}: {}", path, what));
}

// One setting at a time, as the file has it.
class Settings {
 public:
  Settings(Config& config, const std::string& path) : config_(config), path_(path) {}

  Status Take(const CLI::ConfigItem& item) {
    const std::string name = item.fullname();
    if (item.parents == std::vector<std::string>{"sites"}) {
      // CLI11 tells where a section begins and ends with items of these names.
      if (item.name == "++" || item.name == "--") return Ok();
      return TakeText(item, config_.sites[item.name]);
    }
    if (name == "endpoints") {
      config_.endpoints = item.inputs;
      return Ok();
    }
    if (name == "timeout") return TakeTimeout(item);
    if (name == "certificate") return TakeText(item, config_.certificate);
    if (name == "key") return TakeText(item, config_.key);
    if (name == "ca") return TakeText(item, config_.ca);
    if (name == "proxy") return TakeText(item, config_.proxy);
    if (name == "label") return TakeText(item, config_.label);
    if (name == "log") return TakeText(item, config_.log);
    return Wrong(path_, fmt::format("there is no setting '{}'; there are endpoints, certificate, "
                                    "key, ca, proxy, label, timeout, log and the section [sites]",
                                    name));
  }

 private:
  Status TakeText(const CLI::ConfigItem& item, std::string& text) const {
    if (item.inputs.size() != 1 || item.inputs.front().empty())
      return Wrong(path_, fmt::format("{} takes one text", item.fullname()));
    text = item.inputs.front();
    return Ok();
  }

  Status TakeTimeout(const CLI::ConfigItem& item) {
    std::string text;
    TWINSEAL_RETURN_IF_ERROR(TakeText(item, text));
    long seconds = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, problem] = std::from_chars(text.data(), end, seconds);
    if (problem != std::errc() || stopped != end || seconds < 1 || seconds > kMaxTimeout.count()) {
      return Wrong(path_, fmt::format("timeout takes seconds from 1 to {}", kMaxTimeout.count()));
    }
    config_.timeout = std::chrono::seconds(seconds);
    return Ok();
  }

  Config& config_;
  const std::string& path_;
};

Status Check(const Config& config, const std::string& path) {
  for (const auto& [name, missing] :
       {std::pair("endpoints", config.endpoints.empty()),
        std::pair("certificate", config.certificate.empty()), std::pair("key", config.key.empty()),
        std::pair("ca", config.ca.empty())}) {
    if (missing) return Wrong(path, fmt::format("it lacks {}", name));
  }
  std::size_t longest = 0;
  for (const auto& [site, endpoint] : config.sites) longest = std::max(longest, site.size() + 1);
  if (config.label.size() + longest > kMaxLabel)
    return Wrong(path, fmt::format("a token's label has at most {} characters", kMaxLabel));
  return Ok();
}

}  // namespace

std::optional<std::string> FindConfig(const Environment& environment) {
  if (auto named = environment("TWINSEAL_PKCS11_CONF"); named && !named->empty()) return named;
  const auto exists = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  };
  const auto xdg = environment("XDG_CONFIG_HOME");
  const auto home = environment("HOME");
  std::string folder;
  if (xdg && xdg->starts_with('/')) {
    folder = *xdg;
  } else if (home && home->starts_with('/')) {
    folder = *home + "/.config";
  }
  if (!folder.empty() && exists(folder + "/twinseal/pkcs11.conf"))
    return folder + "/twinseal/pkcs11.conf";
  if (exists(kSystemConfig)) return kSystemConfig;
  return std::nullopt;
}

Result<Config> ReadConfig(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error(Code::kNotFound, fmt::format("{} cannot be read", path));
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(file);
  } catch (const CLI::Error& error) {
    return Wrong(path, fmt::format("it cannot be read as TOML: {}", error.what()));
  }
  Config config;
  Settings settings(config, path);
  for (const CLI::ConfigItem& item : items) TWINSEAL_RETURN_IF_ERROR(settings.Take(item));
  TWINSEAL_RETURN_IF_ERROR(Check(config, path));
  return config;
}

}  // namespace twinseal::pkcs11
