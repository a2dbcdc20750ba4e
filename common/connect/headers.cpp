#include "common/connect/headers.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace twinseal::connect {

std::optional<Encoding> EncodingOf(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  const auto is = [type](std::string_view wanted) {
    return std::ranges::equal(type, wanted, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
  };
  if (is("application/proto")) return Encoding::kProto;
  if (is("application/json")) return Encoding::kJson;
  return std::nullopt;
}

std::string_view ContentType(Encoding encoding) {
  return encoding == Encoding::kProto ? "application/proto" : "application/json";
}

Result<std::chrono::milliseconds> ParseTimeout(std::string_view header) {
  constexpr std::size_t kMaxDigits = 10;
  std::int64_t value = 0;
  const char* const end = header.data() + header.size();
  const auto [stopped, problem] = std::from_chars(header.data(), end, value);
  if (header.empty() || header.size() > kMaxDigits || header.front() == '-' ||
      problem != std::errc() || stopped != end) {
    return Error(Code::kInvalidArgument, "Connect-Timeout-Ms: it takes 1 to 10 decimal digits");
  }
  return std::chrono::milliseconds(value);
}

}  // namespace twinseal::connect
