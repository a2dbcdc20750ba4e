// `twinseal completion` and `twinseal version`.
#include "agent/cli/completion.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"

namespace twinseal::cli {

void AddCompletion(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("completion", "Print a script that completes commands in a shell");
  group->require_subcommand(1);
  CLI::App* const bash = group->add_subcommand("bash", "For bash");
  bash->footer("Example: source <(twinseal completion bash)");
  bash->callback([&root, &commands] {
    commands.Select({"printing the completion script", [&root](Context& context) {
                       context.out() << BashCompletion(root);
                       return Ok();
                     }});
  });
}

void AddVersion(CLI::App& root, Commands& commands) {
  const auto form = std::make_shared<OutputForm>(OutputForm::kTable);
  CLI::App* const app = root.add_subcommand("version", "Print the version of this program");
  AddOutput(*app, *form);
  app->callback([form, &commands] {
    commands.Select({"printing the version", [form](Context& context) {
                       if (*form == OutputForm::kJson) {
                         JsonWriter(context.out())
                             .BeginObject()
                             .Key("version")
                             .String(TWINSEAL_VERSION)
                             .EndObject()
                             .Finish();
                       } else {
                         context.out() << "twinseal " TWINSEAL_VERSION "\n";
                       }
                       return Ok();
                     }});
  });
}

}  // namespace twinseal::cli
