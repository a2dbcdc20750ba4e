#include "agent/cli/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace twinseal::cli {
namespace {

// The size of the UTF-8 sequence at the beginning of `text`, 0 when it is none (RFC 3629 §4).
std::size_t SequenceSize(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first < 0xE0   ? 2
                           : first >= 0xE0 && first < 0xF0 ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4
                                                           : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool out_of_range = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
  return overlong || out_of_range ? 0 : size;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = SequenceSize(text);
    const auto first = static_cast<unsigned char>(text[0]);
    // U+0080 to U+009F are control characters that terminals obey.
    const bool control = first < 0x20 || first == 0x7F ||
                         (size == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0);
    const std::size_t taken = size == 0 ? 1 : size;
    if (size == 0 || control) {
      for (const char c : text.substr(0, taken)) {
        printable += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      printable += text.substr(0, taken);
    }
    text.remove_prefix(taken);
  }
  return printable;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = SequenceSize(text);
    valid += size == 0 ? "\xEF\xBF\xBD" : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return valid;
}

// Counts first bytes: those behind them look like 10xxxxxx.
std::size_t DisplayWidth(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace twinseal::cli
