// UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace twinseal::connect {

// Bytes of the character that `text` begins with; 0 when it does not begin with one (§4's syntax:
// no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t Utf8CharacterSize(std::string_view text);

bool IsUtf8(std::string_view text);

// `character` is a Unicode scalar value.
void AppendUtf8(std::string& text, char32_t character);

}  // namespace twinseal::connect
