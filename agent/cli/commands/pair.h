// `twinseal pair`, a file for what belongs together.
#pragma once

namespace CLI {
class App;
}

namespace twinseal::cli {

class Commands;

// create and replace
void AddPairCeremony(CLI::App& group, Commands& commands);
// abort
void AddPairAbort(CLI::App& group, Commands& commands);
// confirm
void AddPairConfirm(CLI::App& group, Commands& commands);
// status
void AddPairStatus(CLI::App& group, Commands& commands);
// leave and recover
void AddPairEnd(CLI::App& group, Commands& commands);

}  // namespace twinseal::cli
