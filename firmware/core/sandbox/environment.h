// What the process inherits: descriptors and environment, cut down to what is wanted.
#pragma once

#include <span>
#include <string>

#include "common/base/result.h"

namespace twinseal::core {

// Closes every descriptor but 0, 1, 2 and `kept`, and marks those of `kept` close-on-exec.
// Before any thread is started.
Status CloseOtherDescriptors(std::span<const int> kept);

// Removes every environment variable but those that PKCS#11 modules are known to read their
// configuration from, LANG, TZ, and `also`. Loader, allocator and OpenSSL variables are gone then.
// Before any thread is started.
Status ScrubEnvironment(std::span<const std::string> also);

}  // namespace twinseal::core
