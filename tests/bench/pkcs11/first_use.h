// What a module costs an application that loads it and signs once: time and memory, in a process of
// its own.
#pragma once

#include <string>

#include "tests/bench/pkcs11/token_load.h"

namespace twinseal::bench {

struct FirstUse {
  double milliseconds = 0;  // From dlopen to the first signature.
  double mebibytes = 0;     // Resident, more than before.
};

// Before the process has threads. Ends the program when the child fails.
FirstUse MeasureFirstUse(const std::string& module, const std::string& token,
                         const std::string& pin, const TokenLoad::Work& work);

}  // namespace twinseal::bench
