#include "firmware/audit/utf8.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace twinseal::audit {
namespace {

// The length of the well-formed character that `text` begins with (RFC 3629 section 4); 0 when
// there is none.
std::size_t CharacterSize(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  std::size_t size = 0;
  // What the second byte may be: the bounds keep out overlong forms, surrogates and what is beyond
  // U+10FFFF.
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (size == 0 || text.size() < size || at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  return size;
}

}  // namespace

void MakeUtf8(std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = CharacterSize(std::string_view(text).substr(i));
    if (size == 0) text[i] = '?';
    i += size == 0 ? 1 : size;
  }
}

}  // namespace twinseal::audit
