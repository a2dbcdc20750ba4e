// The end of a benchmark that cannot go on.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace twinseal::bench {

[[noreturn]] inline void Fail(std::string_view what) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

}  // namespace twinseal::bench
