// Options that several commands share. What an option's type is called (KEY, FILE, DIR, or words
// between bars) is also what completion goes by.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/base/result.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::cli {

enum class OutputForm { kTable, kJson };

inline constexpr const char* kKeyType = "KEY";
inline constexpr const char* kFileType = "FILE";
inline constexpr const char* kFolderType = "DIR";

// A value that `parse` makes of the text; a text that it refuses is wrong usage.
template <typename T, typename Parse>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, T& target, Parse parse,
                       const std::string& description) {
  return app.add_option_function<std::string>(
      name,
      [&target, parse, name](const std::string& text) {
        auto parsed = parse(text);
        if (!parsed.ok()) throw CLI::ValidationError(name, parsed.error().message());
        target = std::move(parsed).value();
      },
      description);
}

// The same for an option that may be given several times, one value each time.
template <typename T, typename Parse>
CLI::Option* AddParsedList(CLI::App& app, const std::string& name, std::vector<T>& target,
                           Parse parse, const std::string& description) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [&target, parse, name](const std::vector<std::string>& texts) {
            target.clear();
            for (const std::string& text : texts) {
              auto parsed = parse(text);
              if (!parsed.ok()) throw CLI::ValidationError(name, parsed.error().message());
              target.push_back(std::move(parsed).value());
            }
          },
          description)
      ->allow_extra_args(false);
}

CLI::Option* AddOutput(CLI::App& app, OutputForm& form);

// `id` is a fresh one unless the user gives one.
CLI::Option* AddRequestId(CLI::App& app, std::string& id);

// The key that a command is about, by name or id: a positional argument, or `--key` where `name`
// says so.
CLI::Option* AddKeyName(CLI::App& app, std::string& key, const std::string& name = "NAME");

CLI::Option* AddAlgorithm(CLI::App& app, v1::Algorithm& algorithm);
CLI::Option* AddScheme(CLI::App& app, v1::Scheme& scheme, const std::string& description);
CLI::Option* AddDuration(CLI::App& app, const std::string& name, std::chrono::seconds& duration,
                         const std::string& description);

// A site's name: a positional argument.
CLI::Option* AddSite(CLI::App& app, std::string& site, const std::string& description);
Result<std::string> ParseSite(const std::string& text);

inline constexpr const char* kAgentConfig = "/etc/twinseal/agent.conf";
// twinseal-agent's configuration, on whose host the command runs.
CLI::Option* AddAgentConfig(CLI::App& app, std::string& path);

// Any text that a request can carry: UTF-8.
Result<std::string> ParseText(const std::string& text);

// Words between bars: "ec-p256|ec-p384".
std::string AlgorithmWords();
std::string SchemeWords();

}  // namespace twinseal::cli
