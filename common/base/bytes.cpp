#include "common/base/bytes.h"

#include <algorithm>
#include <array>

namespace twinseal {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BytesView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view AsText(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes ToBytes(std::string_view text) {
  const BytesView view = AsBytes(text);
  return {view.begin(), view.end()};
}

std::string ToString(BytesView bytes) { return std::string(AsText(bytes)); }

std::string HexEncode(BytesView bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    hex.push_back(kHexDigits[byte >> 4U]);
    hex.push_back(kHexDigits[byte & 0x0fU]);
  }
  return hex;
}

Result<Bytes> HexDecode(std::string_view hex) {
  if (hex.size() % 2 != 0) {
    return Error(Code::kInvalidArgument, "a hexadecimal string needs two digits a byte");
  }
  Bytes bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexValue(hex[i]);
    const int low = HexValue(hex[i + 1]);
    if (high < 0 || low < 0) {
      return Error(Code::kInvalidArgument, "a hexadecimal string holds only 0-9 and a-f");
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

std::string Base64Encode(BytesView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = std::uint32_t{bytes[i]} << 16U;
    if (left > 1) group |= std::uint32_t{bytes[i + 1]} << 8U;
    if (left > 2) group |= std::uint32_t{bytes[i + 2]};
    text.push_back(kBase64Alphabet[(group >> 18U) & 63U]);
    text.push_back(kBase64Alphabet[(group >> 12U) & 63U]);
    text.push_back(left > 1 ? kBase64Alphabet[(group >> 6U) & 63U] : '=');
    text.push_back(left > 2 ? kBase64Alphabet[group & 63U] : '=');
  }
  return text;
}

Result<Bytes> Base64Decode(std::string_view text) {
  const Error malformed(Code::kInvalidArgument, "not base64 as RFC 4648 section 4 has it");
  if (text.size() % 4 != 0) return malformed;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < digits; ++j) {
      const std::size_t value = kBase64Alphabet.find(text[i + j]);
      if (value == std::string_view::npos) return malformed;
      group |= static_cast<std::uint32_t>(value) << (18U - 6U * j);
    }
    const std::array<std::uint8_t, 3> decoded = {static_cast<std::uint8_t>(group >> 16U),
                                                 static_cast<std::uint8_t>(group >> 8U),
                                                 static_cast<std::uint8_t>(group)};
    // Bits behind the last byte must be zero, so that each byte string has one encoding (RFC 4648
    // §3.5).
    for (std::size_t j = digits - 1; j < 3; ++j) {
      if (decoded[j] != 0) return malformed;
    }
    bytes.insert(bytes.end(), decoded.begin(),
                 decoded.begin() + static_cast<std::ptrdiff_t>(digits - 1));
  }
  return bytes;
}

}  // namespace twinseal
