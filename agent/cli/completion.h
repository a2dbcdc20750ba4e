// Completion for bash, made from the command tree, so that neither can forget the other.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace twinseal::cli {

// A script for bash 4 or later. Commands, options and their words are in it; names of keys are
// asked for when needed, with `twinseal key list --names`.
std::string BashCompletion(const CLI::App& root);

}  // namespace twinseal::cli
