// Text from elsewhere, made fit to be printed.
#pragma once

#include <string>
#include <string_view>

namespace twinseal::cli {

// For a terminal: control characters, which could move its cursor, and bytes that are not UTF-8
// become \xNN.
std::string Printable(std::string_view text);

// For JSON: each byte that is not UTF-8 becomes U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view text);

// Characters, which is columns for all but the widest scripts.
std::size_t DisplayWidth(std::string_view text);

}  // namespace twinseal::cli
