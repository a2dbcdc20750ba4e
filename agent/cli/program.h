// The command line: parses, runs one command, and tells how it went.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cli/remote.h"
#include "agent/cli/surroundings.h"
#include "common/base/result.h"

namespace CLI {
class App;
}

namespace twinseal::cli {

enum class ExitStatus : int { kDone = 0, kFailed = 1, kWrongUsage = 2 };

// What a command works with.
class Context {
 public:
  Context(const Surroundings& surroundings, RemoteFactory connect)
      : surroundings_(surroundings), connect_(std::move(connect)) {}

  const Surroundings& surroundings() const { return surroundings_; }
  std::ostream& out() const { return surroundings_.out; }

  // The configuration as the environment and the file say; loaded at the first call.
  Result<Config> config();
  // The appliances of the configuration; connected at the first call.
  Result<Remote*> remote();
  // One endpoint, as the caller that the configuration names; with `any_server`, as nobody and
  // whatever its certificate.
  Result<std::unique_ptr<Remote>> ConnectTo(const std::string& endpoint, bool any_server = false);
  // What another configuration than the user's names.
  Result<std::unique_ptr<Remote>> Connect(const Config& config) { return connect_(config); }

  // What the global options set.
  std::optional<std::string> config_file;
  std::uint32_t timeout_seconds = 30;

 private:
  const Surroundings& surroundings_;
  RemoteFactory connect_;
  std::optional<Config> config_;
  std::unique_ptr<Remote> remote_;
};

// What a parsed command line asks for. `description` begins the error line: "signing release.tar
// with code-signing".
struct Action {
  std::string description;
  std::function<Status(Context&)> run;
};

// Gives each command a place to put its action, which runs after the whole line has been parsed.
class Commands {
 public:
  void Select(Action action) { selected_ = std::move(action); }
  const std::optional<Action>& selected() const { return selected_; }

 private:
  std::optional<Action> selected_;
};

// `arguments` without the program's own name. Never throws.
ExitStatus Run(const std::vector<std::string>& arguments, const Surroundings& surroundings,
               const RemoteFactory& connect) noexcept;

}  // namespace twinseal::cli
