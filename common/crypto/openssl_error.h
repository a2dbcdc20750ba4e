// The one place where OpenSSL's errors become ours.
#pragma once

#include <source_location>
#include <string_view>

#include "common/base/error.h"

namespace twinseal::crypto {

// What the calling thread's OpenSSL error queue says, and empties it. Also says something when the
// queue is empty.
Error OpenSslError(Code code, std::string_view what,
                   std::source_location where = std::source_location::current());

}  // namespace twinseal::crypto
