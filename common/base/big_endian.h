// Numbers as bytes, the highest first.
#pragma once

#include <concepts>
#include <cstdint>

#include "common/base/bytes.h"

namespace twinseal {

// As many bytes as the number's type has.
template <std::unsigned_integral Number>
void AppendBigEndian(Bytes& bytes, Number number) {
  for (std::size_t left = sizeof number; left > 0; --left) {
    bytes.push_back(static_cast<std::uint8_t>(number >> (8 * (left - 1))));
  }
}

// At most as many bytes as the number's type has.
template <std::unsigned_integral Number>
constexpr Number ReadBigEndian(BytesView bytes) {
  Number number = 0;
  for (const std::uint8_t byte : bytes) number = static_cast<Number>(number << 8U | byte);
  return number;
}

}  // namespace twinseal
