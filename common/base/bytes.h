// Byte strings and their printable forms. For bytes that are secret see secret.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace twinseal {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// The same bytes under the other name; no copy.
BytesView AsBytes(std::string_view text);
std::string_view AsText(BytesView bytes);

Bytes ToBytes(std::string_view text);
std::string ToString(BytesView bytes);

// Lower-case hexadecimal, two digits a byte.
std::string HexEncode(BytesView bytes);
// invalid_argument for an odd length or a character that is no hex digit. Takes both cases.
Result<Bytes> HexDecode(std::string_view hex);

// RFC 4648 §4, padded.
std::string Base64Encode(BytesView bytes);
// invalid_argument for anything that §4 does not allow: wrong padding, line breaks, other
// alphabets.
Result<Bytes> Base64Decode(std::string_view text);

}  // namespace twinseal
