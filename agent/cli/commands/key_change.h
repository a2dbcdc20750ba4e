// `twinseal key` rotate, enable, disable, policy, destroy and cancel-destruction.
#pragma once

namespace CLI {
class App;
}

namespace twinseal::cli {

class Commands;

void AddKeyChanges(CLI::App& group, Commands& commands);

}  // namespace twinseal::cli
