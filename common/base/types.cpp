#include "common/base/types.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace twinseal {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A generator that cannot deliver leaves nothing safe to do.
void FillRandom(std::span<std::uint8_t> bytes) {
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
}

Error BadName(std::string_view what, std::string_view rule) {
  return Error(Code::kInvalidArgument, fmt::format("{} {}", what, rule));
}

}  // namespace

Result<KeyId> KeyId::FromBytes(BytesView bytes) {
  if (bytes.size() != kSize) {
    return Error(Code::kInvalidArgument,
                 fmt::format("a key id has {} bytes, not {}", kSize, bytes.size()));
  }
  KeyId id;
  std::ranges::copy(bytes, id.bytes_.begin());
  return id;
}

Result<KeyId> KeyId::FromHex(std::string_view hex) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, HexDecode(hex));
  return FromBytes(bytes);
}

KeyId KeyId::Random() {
  KeyId id;
  FillRandom(id.bytes_);
  return id;
}

Result<KeyName> KeyName::Parse(std::string_view text) {
  constexpr std::string_view kWhat = "a key name";
  if (text.empty()) return BadName(kWhat, "is needed; it is empty");
  if (text.size() > kMaxSize) {
    return BadName(kWhat, fmt::format("has at most {} characters, not {}", kMaxSize, text.size()));
  }
  const auto allowed = [](char c) {
    return IsLower(c) || IsDigit(c) || c == '.' || c == '_' || c == '-';
  };
  if (!std::ranges::all_of(text, allowed))
    return BadName(kWhat, "holds only a-z, 0-9, '.', '_' and '-'");
  if (!IsLower(text.front()) && !IsDigit(text.front()))
    return BadName(kWhat, "begins with a letter or a digit");
  return KeyName(std::string(text));
}

Result<SiteName> SiteName::Parse(std::string_view text) {
  constexpr std::string_view kWhat = "a site name";
  if (text.empty()) return BadName(kWhat, "is needed; it is empty");
  if (text.size() > kMaxSize) {
    return BadName(kWhat, fmt::format("has at most {} characters, not {}", kMaxSize, text.size()));
  }
  const auto allowed = [](char c) { return IsLower(c) || IsDigit(c) || c == '-'; };
  if (!std::ranges::all_of(text, allowed)) return BadName(kWhat, "holds only a-z, 0-9 and '-'");
  if (!IsLower(text.front())) return BadName(kWhat, "begins with a letter");
  return SiteName(std::string(text));
}

Result<RequestId> RequestId::Parse(std::string_view text) {
  constexpr std::string_view kWhat = "a request_id";
  if (text.size() < kMinSize || text.size() > kMaxSize) {
    return BadName(kWhat,
                   fmt::format("has {} to {} characters, not {}", kMinSize, kMaxSize, text.size()));
  }
  const auto allowed = [](char c) {
    return IsLower(c) || IsUpper(c) || IsDigit(c) || c == '-' || c == '_';
  };
  if (!std::ranges::all_of(text, allowed))
    return BadName(kWhat, "holds only A-Z, a-z, 0-9, '-' and '_'");
  return RequestId(std::string(text));
}

RequestId RequestId::Random() {
  std::array<std::uint8_t, 16> bytes{};
  FillRandom(bytes);
  return RequestId(HexEncode(bytes));
}

}  // namespace twinseal

std::size_t std::hash<twinseal::KeyId>::operator()(const twinseal::KeyId& id) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, id.bytes().data(), sizeof value);
  return value;
}
