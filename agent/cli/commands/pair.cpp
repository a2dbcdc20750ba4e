#include "agent/cli/commands/pair.h"

#include <CLI/CLI.hpp>

#include "agent/cli/commands/commands.h"

namespace twinseal::cli {

void AddPair(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("pair", "Make two appliances one service, and take them apart again");
  group->require_subcommand(1);
  AddPairCeremony(*group, commands);
  AddPairConfirm(*group, commands);
  AddPairStatus(*group, commands);
  AddPairAbort(*group, commands);
  AddPairEnd(*group, commands);
  group->footer(
      "Two appliances become a pair:\n"
      "  twinseal appliance init --join                  on the one that joins\n"
      "  twinseal pair create --joiner https://HOST:PORT on the agent's host\n"
      "  twinseal pair confirm                           at both appliances' consoles");
}

}  // namespace twinseal::cli
