// Where the appliances are and who the application is. docs/pkcs11.md describes the file.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace twinseal::pkcs11 {

struct Config {
  std::vector<std::string> endpoints;  // "https://HOST:PORT"
  std::string certificate;             // Paths of PEM files.
  std::string key;
  std::string ca;
  std::string proxy;
  std::string label = "Twinseal";
  std::chrono::seconds timeout{10};          // Of one call, whatever is tried in it.
  std::string log;                           // Path; empty for none.
  std::map<std::string, std::string> sites;  // A further token for each: name and endpoint.
};

using Environment = std::function<std::optional<std::string>(const char* name)>;

// $TWINSEAL_PKCS11_CONF, which must exist then; else pkcs11.conf in $XDG_CONFIG_HOME/twinseal or
// ~/.config/twinseal; else /etc/twinseal/pkcs11.conf. Nothing when there is none of them.
std::optional<std::string> FindConfig(const Environment& environment);

// invalid_argument or not_found, in words that name the file and the setting.
Result<Config> ReadConfig(const std::string& path);

}  // namespace twinseal::pkcs11
