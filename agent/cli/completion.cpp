#include "agent/cli/completion.h"

#include <algorithm>
#include <set>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"

namespace twinseal::cli {
namespace {

std::vector<const CLI::App*> Children(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> Options(const CLI::App& app) {
  return app.get_options([](const CLI::Option*) { return true; });
}

bool TakesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

// The bash commands that offer what an option of this type takes; empty when nothing can be
// offered.
std::string Offer(const std::string& type) {
  if (type == kKeyType) {
    return R"bash(mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" key list --names 2>/dev/null)" -- "$current"))bash";
  }
  if (type == kFileType) {
    return R"bash(compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"))bash";
  }
  if (type == kFolderType) {
    return R"bash(compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"))bash";
  }
  if (type.find('|') == std::string::npos) return "";
  std::string words = type;
  std::replace(words.begin(), words.end(), '|', ' ');
  return fmt::format(R"bash(mapfile -t COMPREPLY < <(compgen -W "{}" -- "$current"))bash", words);
}

struct Script {
  std::string paths;             // Patterns "<path> <word>" of commands.
  std::set<std::string> valued;  // Options that take a value.
  std::string values;            // What may follow an option.
  std::string offers;            // What a command offers.
};

void Describe(const CLI::App& app, const std::string& path, const std::string& global_options,
              Script& script) {
  std::string words;
  for (const CLI::App* child : Children(app)) {
    words += child->get_name() + " ";
    script.paths +=
        fmt::format("{}'{} {}'", script.paths.empty() ? "" : " | ", path, child->get_name());
  }
  std::string dashed = path.empty() ? "" : global_options;
  std::string positional;
  for (const CLI::Option* option : Options(app)) {
    const std::string offer = Offer(option->get_type_name());
    if (option->get_positional()) {
      if (positional.empty()) positional = offer;
      continue;
    }
    for (const std::string& name : option->get_lnames()) {
      if (path.empty() || global_options.find("--" + name + " ") == std::string::npos) {
        dashed += "--" + name + " ";
      }
      if (!TakesValue(*option)) continue;
      script.valued.insert("--" + name);
      if (!offer.empty())
        script.values += fmt::format("    '{} --{}') {}; return ;;\n", path, name, offer);
    }
  }
  script.offers += fmt::format("    '{}')\n      options='{}'\n", path, dashed);
  if (!words.empty()) script.offers += fmt::format("      words='{}'\n", words);
  script.offers += "      ;;\n";
  if (!positional.empty()) script.values += fmt::format("    '{} ') {} ;;\n", path, positional);
  for (const CLI::App* child : Children(app)) {
    Describe(*child, path.empty() ? child->get_name() : path + " " + child->get_name(),
             global_options, script);
  }
}

}  // namespace

std::string BashCompletion(const CLI::App& root) {
  std::string global_options;
  std::string global_values;
  for (const CLI::Option* option : Options(root)) {
    for (const std::string& name : option->get_lnames()) {
      global_options += "--" + name + " ";
      const std::string offer = Offer(option->get_type_name());
      if (!offer.empty())
        global_values += fmt::format("    *' --{}') {}; return ;;\n", name, offer);
    }
  }
  Script script;
  Describe(root, "", global_options, script);
  std::string valued;
  for (const std::string& name : script.valued) valued += (valued.empty() ? "" : " | ") + name;

  return fmt::format(R"bash(# bash completion for twinseal; made by `twinseal completion bash`.
_twinseal() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path='' before='' word='' options='' words=''
  local -i i
  COMPREPLY=()
  # Which command the line names so far; the value of an option is no command.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${{COMP_WORDS[i]}}"
    case "$before" in
      {valued}) before=''; continue ;;
    esac
    before="$word"
    case "$path $word" in
      {paths}) path="${{path:+$path }}$word" ;;
    esac
  done
  case "$before" in
    {valued}) ;;
    *) before='' ;;
  esac
  case "$path $before" in
{values}{globals}  esac
  [[ -z "$before" ]] || return 0
  case "$path" in
{offers}  esac
  if [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n "$words" ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  fi
}}
complete -F _twinseal twinseal
)bash",
                     fmt::arg("valued", valued), fmt::arg("paths", script.paths),
                     fmt::arg("values", script.values), fmt::arg("globals", global_values),
                     fmt::arg("offers", script.offers));
}

}  // namespace twinseal::cli
