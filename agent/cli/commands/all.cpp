#include <CLI/CLI.hpp>

#include "agent/cli/commands/commands.h"

namespace twinseal::cli {

void AddAllCommands(CLI::App& root, Commands& commands) {
  AddStatus(root, commands);
  AddKey(root, commands);
  AddCertificate(root, commands);
  AddSign(root, commands);
  AddVerify(root, commands);
  AddAudit(root, commands);
  AddClient(root, commands);
  AddAppliance(root, commands);
  AddPair(root, commands);
  AddMaintenance(root, commands);
  AddCompletion(root, commands);
  AddVersion(root, commands);
}

}  // namespace twinseal::cli
