#include "agent/cli/words.h"

#include <array>
#include <charconv>
#include <ctime>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "agent/cli/text.h"
#include "common/crypto/algorithms.h"

namespace twinseal::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array<Unit, 5> kUnits = {
    {{'w', 604'800}, {'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr std::int64_t kMaxDurationSeconds = 100LL * 365 * 86'400;

template <typename Enum>
Result<Enum> ParseEnum(const EnumDescriptor& descriptor, std::string_view what,
                       std::string_view word, int without = 0) {
  std::string words;
  for (int i = 1; i < descriptor.value_count(); ++i) {
    const EnumValueDescriptor& value = *descriptor.value(i);
    if (value.number() == without) continue;
    if (Word(value) == word) return static_cast<Enum>(value.number());
    words += (words.empty() ? "" : ", ") + Word(value);
  }
  return Error(Code::kInvalidArgument, fmt::format("'{}' is no {}; there are {}",
                                                   Printable(word.substr(0, 64)), what, words));
}

std::string Utc(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// Rounds down, so that times before 1970 work too.
std::int64_t FloorDivide(std::int64_t number, std::int64_t divisor) {
  return number / divisor - (number % divisor < 0 ? 1 : 0);
}

template <typename Enum>
std::string WordOf(const EnumDescriptor& descriptor, Enum number) {
  const EnumValueDescriptor* value = descriptor.FindValueByNumber(static_cast<int>(number));
  return value ? Word(*value) : "unknown";
}

}  // namespace

std::string Word(const EnumValueDescriptor& value) {
  if (value.number() == 0) return "unspecified";
  // The names of algorithms and schemes have one table, which the appliance uses in its messages
  // too.
  if (value.type() == v1::Algorithm_descriptor()) {
    return std::string(crypto::Name(static_cast<v1::Algorithm>(value.number())));
  }
  if (value.type() == v1::Scheme_descriptor()) {
    return std::string(crypto::Name(static_cast<v1::Scheme>(value.number())));
  }
  std::string word;
  for (const char c : value.name()) {
    word += c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return word;
}

std::string Word(v1::Algorithm algorithm) { return std::string(crypto::Name(algorithm)); }
std::string Word(v1::Scheme scheme) { return std::string(crypto::Name(scheme)); }
std::string Word(v1::Storage storage) { return WordOf(*v1::Storage_descriptor(), storage); }
std::string Word(v1::KeyState state) { return WordOf(*v1::KeyState_descriptor(), state); }
std::string Word(v1::Isolation isolation) { return WordOf(*v1::Isolation_descriptor(), isolation); }

Result<v1::Storage> ParseStorage(std::string_view word) {
  return ParseEnum<v1::Storage>(*v1::Storage_descriptor(), "storage", word);
}
Result<v1::Isolation> ParseIsolation(std::string_view word) {
  return ParseEnum<v1::Isolation>(*v1::Isolation_descriptor(), "isolation rule", word);
}
Result<v1::Role> ParseRole(std::string_view word) {
  return ParseEnum<v1::Role>(*v1::Role_descriptor(), "role", word, v1::SITE);
}

Result<std::chrono::seconds> ParseDuration(std::string_view text) {
  const auto refuse = [&] {
    return Error(
        Code::kInvalidArgument,
        fmt::format("'{}' is no length of time; write 30d, 12h, 90m, 45s or 2w, at most 100 years",
                    Printable(text.substr(0, 64))));
  };
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0) return refuse();
  if (rest == end) {
    if (number == 0) return std::chrono::seconds(0);
    return refuse();
  }
  if (rest + 1 != end) return refuse();
  for (const Unit& unit : kUnits) {
    if (unit.letter != *rest) continue;
    if (number > kMaxDurationSeconds / unit.seconds) return refuse();
    return std::chrono::seconds(number * unit.seconds);
  }
  return refuse();
}

std::string FormatDuration(std::chrono::seconds duration) {
  const std::int64_t seconds = duration.count();
  for (const Unit& unit : kUnits) {
    // Weeks are read but not written: "30d" stays "30d" and "7d" is what people say of a waiting
    // period.
    if (unit.letter == 'w') continue;
    if (seconds != 0 && seconds % unit.seconds == 0) {
      return fmt::format("{}{}", seconds / unit.seconds, unit.letter);
    }
  }
  return "0s";
}

std::string FormatUnixMs(std::int64_t milliseconds) {
  if (milliseconds == 0) return "-";
  return Utc(FloorDivide(milliseconds, 1000)) + "Z";
}

std::string FormatUnixUs(std::int64_t microseconds) {
  if (microseconds == 0) return "-";
  const std::int64_t seconds = FloorDivide(microseconds, 1'000'000);
  return fmt::format("{}.{:03}Z", Utc(seconds), (microseconds - seconds * 1'000'000) / 1000);
}

std::string FormatSize(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<std::string_view, 6> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t name = 0;
  // 1023.95 would be printed as 1024.0.
  while (size >= 1023.95 && name + 1 < kNames.size()) {
    size /= 1024;
    ++name;
  }
  return fmt::format("{:.1f} {}", size, kNames[name]);
}

std::string Count(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

}  // namespace twinseal::cli
