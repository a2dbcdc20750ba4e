// PINs from a descriptor, as the tools hand them to the programs that they start.
#pragma once

#include <string>
#include <vector>

namespace twinseal::test {

// One a line. Throws std::runtime_error when the descriptor cannot be read.
std::vector<std::string> ReadPins(int descriptor);

}  // namespace twinseal::test
