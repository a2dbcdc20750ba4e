#include "common/https/fields.h"

#include <algorithm>
#include <cctype>

namespace twinseal::https {
namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

void Fields::Add(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  lines_.push_back('\n');
  std::ranges::transform(line.substr(0, colon), std::back_inserter(lines_),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  lines_.push_back(':');
  lines_.append(Trimmed(line.substr(colon + 1)));
}

std::optional<std::string> Fields::Find(std::string_view name) const {
  const std::string start = '\n' + std::string(name) + ':';
  const std::size_t found = lines_.rfind(start);
  if (found == std::string::npos) return std::nullopt;
  const std::size_t value = found + start.size();
  return lines_.substr(value, lines_.find('\n', value) - value);
}

}  // namespace twinseal::https
