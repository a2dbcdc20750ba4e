#include "agent/cli/program.h"

#include <algorithm>
#include <cerrno>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/files.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

constexpr std::uint32_t kMaxTimeoutSeconds = 3600;

// "key create" for the subcommand that the line names.
std::string PathOf(const CLI::App& app) {
  const std::string path = app.get_display_name();
  return app.get_parent() == nullptr
             ? ""
             : PathOf(*app.get_parent()) + (app.get_parent()->get_parent() ? " " : "") + path;
}

const CLI::App& Deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : Deepest(*chosen.front());
}

ExitStatus WrongUsage(const CLI::App& root, const CLI::ParseError& error, std::ostream& err) {
  const CLI::App& chosen = Deepest(root);
  const std::string path = PathOf(chosen);
  const std::string command = path.empty() ? "twinseal" : "twinseal " + path;
  std::string what = Printable(error.what());
  std::replace(what.begin(), what.end(), '\n', ' ');
  // CLI11 misses a subcommand where it has met a word that it does not know.
  const std::vector<std::string> unknown = root.remaining(true);
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !unknown.empty() &&
      chosen.get_require_subcommand_min() > 0) {
    what = fmt::format("there is no command '{}'", Printable(unknown.front()));
  }
  err << "twinseal: " << (path.empty() ? "" : path + ": ") << what << "; see `" << command
      << " --help`\n";
  return ExitStatus::kWrongUsage;
}

// "twinseal: <what was asked>: <what is wrong>; <what to do next>"
ExitStatus Failed(const std::string& description, const Error& error, std::ostream& err) {
  err << "twinseal: " << description << ": " << Printable(error.message()) << '\n';
  return ExitStatus::kFailed;
}

ExitStatus Perform(const Action& action, Context& context) {
  const Surroundings& surroundings = context.surroundings();
  Status status = action.run(context);
  errno = 0;
  surroundings.out.flush();
  if (!surroundings.out) {
    return Failed(
        action.description,
        Error(Code::kResourceExhausted,
              fmt::format(
                  "the standard output cannot be written{}; what was asked may have been done",
                  errno != 0 ? ": " + SystemMessage(errno) : "")),
        surroundings.err);
  }
  return status.ok() ? ExitStatus::kDone
                     : Failed(action.description, status.error(), surroundings.err);
}

ExitStatus Parse(std::vector<std::string> arguments, const Surroundings& surroundings,
                 const RemoteFactory& connect) {
  CLI::App root("Sign with keys that exist in plaintext only inside an HSM.", "twinseal");
  Context context(surroundings, connect);
  Commands commands;
  root.require_subcommand(1);
  root.fallthrough();
  root.add_option("--config", context.config_file,
                  "Configuration to read instead of ~/.config/twinseal/config.toml")
      ->type_name("FILE");
  root.add_option("--timeout", context.timeout_seconds,
                  "Longest time that one call may take (default 30)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, kMaxTimeoutSeconds));
  AddAllCommands(root, commands);

  // CLI11 takes the arguments from the back.
  std::reverse(arguments.begin(), arguments.end());
  try {
    root.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    commands.Select({"printing help", [&root](Context& c) {
                       c.out() << root.help();
                       return Ok();
                     }});
  } catch (const CLI::ParseError& error) {
    return WrongUsage(root, error, surroundings.err);
  }
  return Perform(*commands.selected(), context);
}

}  // namespace

Result<Config> Context::config() {
  if (!config_) {
    TWINSEAL_ASSIGN_OR_RETURN(config_, LoadConfig(surroundings_, config_file));
    config_->timeout = std::chrono::seconds(timeout_seconds);
  }
  return *config_;
}

Result<Remote*> Context::remote() {
  if (!remote_) {
    TWINSEAL_ASSIGN_OR_RETURN(const Config config, this->config());
    TWINSEAL_ASSIGN_OR_RETURN(remote_, connect_(config));
  }
  return remote_.get();
}

Result<std::unique_ptr<Remote>> Context::ConnectTo(const std::string& endpoint, bool any_server) {
  TWINSEAL_ASSIGN_OR_RETURN(Config config, this->config());
  config.endpoints = {endpoint};
  config.any_server = any_server;
  return connect_(config);
}

ExitStatus Run(const std::vector<std::string>& arguments, const Surroundings& surroundings,
               const RemoteFactory& connect) noexcept {
  try {
    return Parse(arguments, surroundings, connect);
  } catch (const std::exception& error) {
    surroundings.err << "twinseal: an error that should not have been: " << error.what()
                     << "; please report it\n";
    return ExitStatus::kFailed;
  }
}

}  // namespace twinseal::cli
