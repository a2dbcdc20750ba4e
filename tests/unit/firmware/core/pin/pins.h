// PINs for the tests of what guards them.
#pragma once

#include <string_view>

#include "common/base/secret.h"

namespace twinseal::core {

inline Secret Pin(std::string_view text) { return Secret(AsBytes(text)); }

}  // namespace twinseal::core
