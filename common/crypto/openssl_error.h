// OpenSSL's errors as ours, at one place.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace twinseal::crypto {

// Takes this thread's error queue, newest last: "PEM routines: no start line". Says that there is
// no reason when the queue is empty.
std::string TakeOpensslErrors();

// "`what`: <the queue's text>", with `code`.
Error OpensslError(Code code, std::string_view what,
                   std::source_location where = std::source_location::current());

}  // namespace twinseal::crypto
