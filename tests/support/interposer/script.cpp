#include "tests/support/interposer/script.h"

#include <charconv>
#include <optional>
#include <sstream>

#include "hsm/pkcs11/mechanism.h"
#include "hsm/pkcs11/rv.h"

namespace twinseal::interposer {
namespace {

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool ReadAction(Rule& rule, std::istream& words) {
  std::string action;
  std::string argument;
  words >> action;
  if (action == "hang") rule.action = Action::kHang;
  if (action == "crash") rule.action = Action::kCrash;
  if (action == "corrupt") rule.action = Action::kCorrupt;
  if (action == "hang" || action == "crash" || action == "corrupt") return true;
  words >> argument;
  if (action == "error") {
    rule.action = Action::kError;
    rule.rv = hsm::RvFromName(argument);
    return hsm::RvName(rule.rv) == argument;
  }
  if (action == "delay") {
    rule.action = Action::kDelay;
    if (!argument.ends_with("ms")) return false;
    const auto number = Number(std::string_view(argument).substr(0, argument.size() - 2));
    rule.delay = std::chrono::milliseconds(number.value_or(0));
    return number.has_value();
  }
  if (action == "hide") {
    rule.action = Action::kHide;
    const auto mechanism = hsm::MechanismFromName(argument);
    rule.mechanism = mechanism.value_or(0);
    return mechanism.has_value() && rule.function == "C_GetMechanismList";
  }
  return false;
}

bool ReadModifiers(Rule& rule, std::istream& words) {
  std::string name;
  std::string value;
  while (words >> name) {
    if (!(words >> value)) return false;
    const auto number = Number(value);
    if (!number.has_value()) return false;
    if (name == "after") {
      rule.after = *number;
    } else if (name == "times") {
      rule.times = *number;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<Script> ParseScript(std::string_view text) {
  Script script;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    Rule rule;
    rule.line = line;
    if (!(words >> rule.function)) continue;
    if ((rule.function != "*" && !rule.function.starts_with("C_")) || !ReadAction(rule, words) ||
        !ReadModifiers(rule, words)) {
      return Error(Code::kInvalidArgument,
                   "the interposer's script has a line that cannot be read: " + line);
    }
    script.push_back(std::move(rule));
  }
  return script;
}

void KeepCounters(Script& script, const Script& before) {
  for (Rule& rule : script) {
    for (const Rule& old : before) {
      if (old.line == rule.line) rule.calls = old.calls;
    }
  }
}

}  // namespace twinseal::interposer
