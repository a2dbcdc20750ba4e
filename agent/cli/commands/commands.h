// The command tree. Each group adds itself to the root; a command that is chosen puts its action
// into `commands`.
#pragma once

namespace CLI {
class App;
}

namespace twinseal::cli {

class Commands;

void AddStatus(CLI::App& root, Commands& commands);
void AddKey(CLI::App& root, Commands& commands);
void AddCertificate(CLI::App& root, Commands& commands);
void AddSign(CLI::App& root, Commands& commands);
void AddVerify(CLI::App& root, Commands& commands);
void AddAudit(CLI::App& root, Commands& commands);
void AddClient(CLI::App& root, Commands& commands);
void AddAppliance(CLI::App& root, Commands& commands);
void AddPair(CLI::App& root, Commands& commands);
void AddMaintenance(CLI::App& root, Commands& commands);
void AddCompletion(CLI::App& root, Commands& commands);
void AddVersion(CLI::App& root, Commands& commands);

void AddAllCommands(CLI::App& root, Commands& commands);

}  // namespace twinseal::cli
